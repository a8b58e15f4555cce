"""Where code is run on behalf of a job: processes, containers and functions, behind one contract.

Each runtime is a file (or a folder) of its own that knows its engine and nothing of jobs' lives: no table, no
lease, no retry. What is the same for all of them (folders, output, results, deadlines) stands beside them.
"""
