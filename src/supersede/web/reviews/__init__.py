"""Reviews of new models against the one in service, signed by name."""
