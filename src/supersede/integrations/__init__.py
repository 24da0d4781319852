"""Adapters to other tools: one short file a host."""
