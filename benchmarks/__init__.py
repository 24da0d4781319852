"""Measurements beside peers, in one run: ``python -m benchmarks``, or one by its name."""
