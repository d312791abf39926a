"""Commands that read a store, and the options that all commands share."""
