"""The commands of the read side; nothing but Click."""
