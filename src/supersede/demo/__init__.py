"""The demonstration: a model in service, two that may succeed it, and what changes for whom."""
