"""Which file system a folder is on, and whether it is the one that it was on before."""
