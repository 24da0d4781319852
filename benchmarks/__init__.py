"""Measurements against peers; each module prints or writes one table."""
