"""What two or more processes must agree on: tables, statements, rules, settings.

Knows no process and no web framework. Engines, clients and loops are defined here and started only in a
process's ``__main__``. A module used by one process alone belongs to that process.
"""
