"""Where segments are painted: here, one after the other."""
