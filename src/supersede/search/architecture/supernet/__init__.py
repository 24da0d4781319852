"""Networks of a space that share one set of weights; torch is needed."""
