"""What is wrong with the data of an evaluation: leaks, duplicates, suspected labels. Works from the store alone."""
