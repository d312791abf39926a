"""How sure a metric is: intervals, resampling, paired tests."""
