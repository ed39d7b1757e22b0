"""Segments one after the other, in this process."""

from nstd.film import Film
from nstd.media.frame import VideoInfo
from nstd.pipeline import open_segments, stylize_segment


class LocalEngine:
    """Paints here; the film is read once."""

    def paint(self, film: Film, info: VideoInfo) -> None:
        """Paint and close every segment that the ledger has not closed yet."""
        for segment, frames in open_segments(film, info):
            stylize_segment(film, info, segment, frames)
