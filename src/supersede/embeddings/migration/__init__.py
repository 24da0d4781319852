"""From one embedding model to the next while the index serves."""
