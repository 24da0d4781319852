"""NAS-Bench-201 on accelerators."""
