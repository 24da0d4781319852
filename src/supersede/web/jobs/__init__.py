"""Jobs: a queue in the database, and the processes that work through it."""
