"""Cases of the matrix that fail for now, and why; the mark is strict: it goes when they pass."""

_MOMENT = "Matroska's moment of creation is not written"

FAILING: dict[str, str] = {
    "avi-xvid-bframes": "a frame late against its sound",
    "pixels-dv-411": "the rate of so few frames is guessed from times in milliseconds",
    "tracks-mkv-mov": "QuickTime's language and title of a second track are not told",
    "tracks-mkv-mp4": "the title of a track of sound is not told",
    "tags-plain-mp4-mkv": _MOMENT,
    "tags-apple-mov-mkv": _MOMENT,
    "tags-matroska-mp4": "the title of the painted stream is neither kept nor named",
    "tags-matroska-mov": "the title of the painted stream is neither kept nor named",
    "subtitles-idx-mp4": "kept by the plan, but its packet is not in the file",
    "cut-off-ogv-accepted": "sound of which no whole packet is left goes without a word",
}
"""By the case's name."""
