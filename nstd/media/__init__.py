"""Films and pictures in and out: containers, time stamps, color, sound. Knows nothing of style."""
