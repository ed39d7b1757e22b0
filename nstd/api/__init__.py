"""nstd from Python: what `import nstd` offers. `nstd/__init__.py` says what is public."""

from nstd.style.devices import spin_briefly

spin_briefly()
