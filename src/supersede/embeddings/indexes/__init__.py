"""Vector indexes, one file per host."""
