"""Cases of the matrix that fail for now, and why; the mark is strict: it goes when they pass."""

FAILING: dict[str, str] = {
    "avi-xvid-bframes": "a frame late against its sound",
    "subtitles-idx-mp4": "kept by the plan, but its packet is not in the file",
    "cut-off-ogv-accepted": "sound of which no whole packet is left goes without a word",
}
"""By the case's name."""
