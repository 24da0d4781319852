"""The demonstration: a model in service, its successor, and what changes for whom."""
