"""What runs between the scheduler and a process of a job: the launcher, and a supervisor for each attempt.

    scheduler ──spawns──► launcher ──forks──► supervisor ──forks──► program ──► whatever it starts
        └───────────── a socket of its own ───────┘

Everything here imports the standard library alone, so that a launcher is small and a fork of it is cheap.
"""
