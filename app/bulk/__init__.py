"""What one request does to many jobs or dead letters; `app.jobs` and `app.dead_letters` do it to one."""
