"""Cases of the matrix that fail for now, and why; a case that passes must be taken out (strict)."""

FAILING: dict[str, str] = {
    "avi-xvid-bframes": "a frame late against its sound",
}
"""By the case's name."""
