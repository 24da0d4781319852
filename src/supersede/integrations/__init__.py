"""One short file per host."""
