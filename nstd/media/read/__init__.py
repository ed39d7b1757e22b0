"""Films in: what is in them, their frames, where their shots begin."""
