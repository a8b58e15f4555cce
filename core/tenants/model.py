"""What holds for a tenant that chose nothing. Days are 24 hours; 0 keeps for ever."""

KEEP_JOBS_DAYS = 30
KEEP_HISTORY_DAYS = 30
KEEP_DEAD_LETTERS_DAYS = 90
