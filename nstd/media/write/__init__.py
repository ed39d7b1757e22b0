"""Films out: segments, and what joins them with their source's other streams."""
