"""The samples of a store that a training job sees: read, held out, decoded and drawn."""
