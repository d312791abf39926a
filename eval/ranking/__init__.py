"""Who is it: queries ranked against a gallery."""
