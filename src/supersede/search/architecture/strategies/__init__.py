"""How the next candidate is chosen; one file per strategy."""
