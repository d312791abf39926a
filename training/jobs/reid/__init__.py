"""Job ``reid``: encoders for re-identification, in CLIP-ReID's two stages or from images alone."""
