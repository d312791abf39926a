"""Where images come from: one module per kind of source, and a closed table of them in ``registry``."""
