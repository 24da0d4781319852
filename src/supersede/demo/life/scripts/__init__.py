"""Steps of the demonstration that are Python: copied into its folder, and run there."""
