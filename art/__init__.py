"""The style images that ship, as programs. Not part of the installed package."""
