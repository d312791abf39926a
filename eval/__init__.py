"""The read side: metrics, scorers and modes over arrays; protocols, splits and the runner around them."""
