"""Networks that jobs train: the encoder of a space, what is frozen of it, and what is added for the training."""
