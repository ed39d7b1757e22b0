"""Which file system a folder is on, whether it is the one it was on before, and locks there."""
