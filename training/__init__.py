"""Distillation of the pocket network; see README.md. Not installed with the package."""
