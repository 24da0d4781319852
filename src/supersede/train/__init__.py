"""Train the next model to be right where the one it replaces is right."""
