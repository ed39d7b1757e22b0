"""One segment of a film, painted: a recipe on a device, the frames that come, what is carried."""
