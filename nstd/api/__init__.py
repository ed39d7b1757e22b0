"""nstd from Python: what `import nstd` offers. `nstd/__init__.py` says what is public."""
