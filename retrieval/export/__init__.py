"""Write vectors and banks of a store to files that numpy, pandas and other programs read."""
