"""One description of a network: what everything else is built from."""
