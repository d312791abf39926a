"""Pages of the documentation, and the script that makes some of them from the code."""
