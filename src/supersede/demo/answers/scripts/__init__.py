"""Scripts that the demonstration copies into its folder and runs there."""
