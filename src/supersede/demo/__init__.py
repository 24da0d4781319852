"""The demonstration: a model in service, two candidates to replace it, and their review."""
