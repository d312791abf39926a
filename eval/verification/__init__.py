"""Do two samples show the same identity: pair scores, thresholds, open-set searches."""
