"""Import of vectors computed elsewhere: read them from files and store them."""
