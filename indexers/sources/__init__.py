"""Sources of samples: one module per kind of source; ``registry`` opens them."""
