"""Migrations, in one line: each module names the one before."""
