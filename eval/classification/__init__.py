"""Classification: scoring and fusing arms, choosing settings, and counting answers into an evaluation."""
