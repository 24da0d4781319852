"""Adapters to other tools: one short file per host."""
