"""Tasks that train on a plain machine; torch is imported when they do."""
