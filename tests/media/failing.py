"""Cases of the matrix that fail for now, and why; the mark is strict: it goes when they pass."""

FAILING: dict[str, str] = {
    "avi-xvid-bframes": "a frame late against its sound",
}
"""By the case's name."""
