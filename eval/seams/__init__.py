"""What a mode, a scorer and a classification get and give back; pure types."""
