"""`python -m nstd` is `nstd`."""

from nstd.cli import main

main()
