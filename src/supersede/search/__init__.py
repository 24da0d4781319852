"""Find the next model: when to stop a search."""
