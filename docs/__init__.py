"""The documentation. Its Python is the generator of the tables in it; no process imports anything here."""
