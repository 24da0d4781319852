"""Labels: people answer one question about one item at a time, until the estimate is decided."""
