"""HDR films are read as SDR, which is told; the peak brightness that a film states counts."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from nstd.media.read.hdr import ToneMap
from nstd.media.read.probe import probe
from nstd.media.read.reader import read_frames
from nstd.media.read.reading import Reading
from tests import films

GRADED = (
    "master-display=G(8500,39850)B(6550,2300)R(35400,14600)WP(15635,16450)L(40000000,50)"
    ":max-cll=600,100"
)
COLORS = ((0.75, 0.75, 0.75), (0.3, 0.3, 0.3), (0.6, 0.2, 0.1), (0.1, 0.4, 0.7), (0.9, 0.8, 0.5))
"""Code values of red, green and blue, 0 to 1."""


def hdr(path: Path, transfer: int, params: str = "") -> Path:
    """Three frames of even patches in BT.2020, by its matrix, limited range and 10 bits."""
    r, g, b = np.array(COLORS).T
    luma = 0.2627 * r + 0.6780 * g + 0.0593 * b
    values = (64 + 876 * luma, 512 + 896 * (b - luma) / 1.8814, 512 + 896 * (r - luma) / 1.4746)
    with av.open(str(path), "w") as output:
        options = {"x265-params": f"log-level=none:lossless=1:{params}", "preset": "ultrafast"}
        stream = output.add_stream("libx265", rate=25, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 32 * len(COLORS), 64, "yuv444p10le"
        context = stream.codec_context
        context.color_primaries, context.color_trc, context.colorspace = 9, transfer, 9
        context.color_range = 1
        for index in range(3):
            frame = av.VideoFrame(stream.width, stream.height, stream.pix_fmt)
            for plane, row in zip(frame.planes, values, strict=True):
                codes = np.zeros((64, plane.line_size // 2), np.uint16)
                codes[:, : stream.width] = np.rint(row).repeat(32)
                plane.update(codes.tobytes())
            frame.pts, frame.time_base = index, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("transfer", "curve", "params", "peak"),
    [
        (18, "HLG", "", 1000),
        (16, "PQ", "", 1000),
        (16, "PQ", GRADED, 600),
        (18, "HLG", GRADED, 1000),
    ],
)
def test_hdr_is_painted_as_sdr_and_it_is_said(
    tmp_path: Path, transfer: int, curve: str, params: str, peak: int
) -> None:
    film = hdr(tmp_path / "a.mp4", transfer, params)
    info = probe(film)
    assert info.remarks == (f"is HDR ({curve}): it is painted as SDR, its highlights rolled off",)
    assert (info.reader, info.peak) == ("pyav", peak)
    codes = np.rint(np.array([COLORS]) * 65535).astype(np.uint16)
    wanted = ToneMap(9, transfer, peak).converted(codes)[0].astype(int)
    for frame in read_frames(film, info):
        assert frame.deep is not None
        found = frame.deep[32, 16::32].astype(int)
        # A step of 10 bits is 64 of 65535, and near 0 the display's curve is eight times as steep.
        assert np.abs(found - wanted).max() <= 2 * 257
        assert np.abs(found - wanted).mean() <= 64
        assert np.abs(frame.image[32, 16::32] - found / 257).max() <= 0.51
    assert probe(film, reading=Reading("pyav")).peak == peak


def test_it_is_written_as_ordinary(tmp_path: Path) -> None:
    painted = films.round_trip(hdr(tmp_path / "a.mp4", 18), tmp_path)
    after = probe(painted)
    assert (after.primaries, after.transfer, after.matrix) == ("bt709", "bt709", "bt709")
    assert not after.remarks
