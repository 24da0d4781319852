"""Hosts that people already train with: one short file for each, which needs that host installed."""
