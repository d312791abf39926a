"""Jobs that make better encoders: loop, losses, data, recipes. A job never touches the store."""
