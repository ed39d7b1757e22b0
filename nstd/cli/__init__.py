"""The command line; it decides nothing."""

from nstd.cli.main import app, main

__all__ = ["app", "main"]
