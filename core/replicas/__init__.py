"""A replica: one scheduler process, known by the beats it writes."""
