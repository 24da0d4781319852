"""Recorded searches, and stopping rules replayed on them."""
