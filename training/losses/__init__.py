"""Losses of the training jobs: functions of tensors, each with the source of its formula."""
