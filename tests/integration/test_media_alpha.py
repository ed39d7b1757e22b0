"""Alpha of films: kept where codec and container can, on black where not; what it hides is gone."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from nstd.media.frame import Frame, ImageU8, MaskU8, VideoInfo
from nstd.media.read.probe import probe
from nstd.media.read.reader import read_frames
from nstd.media.write.codecs import EncodeSettings
from tests import clips, films

SIZE = (96, 64)
RED = (255, 0, 0)


def soft() -> MaskU8:
    """From transparent at the left to opaque at the right, in every value there is."""
    ramp = np.clip(np.linspace(-60, 315, SIZE[0]), 0, 255).astype(np.uint8)
    return np.tile(ramp, (SIZE[1], 1))


def film_with_alpha(
    path: Path,
    hidden: tuple[int, int, int] = RED,
    picture: Callable[[int, tuple[int, int]], ImageU8] = clips.picture,
) -> Path:
    """A QuickTime film whose alpha is `soft`; under full transparency it is `hidden`."""
    alpha = soft()
    with av.open(str(path), "w") as output:
        stream = output.add_stream("qtrle", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "argb"
        for index in range(6):
            image = picture(index, SIZE)
            image[alpha == 0] = hidden
            straight = np.dstack([image, alpha])
            frame = av.VideoFrame.from_ndarray(straight, format="rgba").reformat(format="argb")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def written(source: Path, folder: Path, settings: EncodeSettings) -> tuple[Path, list[Frame]]:
    """The film written in two segments and joined, and the frames that were written."""
    info = replace(probe(source), reader="pyav", alpha=True)
    frames = list(read_frames(source, info))
    parts = [
        films.write_segment(folder / f"s{first}", info, frames[first:last], settings)
        for first, last in pairwise([0, 3, 6])
    ]
    target = folder / f"painted.{settings.container}"
    return films.joined(parts, source, info, target, settings), frames


def decoded(film: Path, layout: str, decoder: str = "") -> npt.NDArray[np.uint8]:
    """All frames as Debian's ffmpeg decodes them, `[frames, height, width, components]`."""
    forced = ["-c:v", decoder] if decoder else []
    command = ["ffmpeg", "-v", "error", *forced, "-i", str(film), "-f", "rawvideo"]
    made = subprocess.run([*command, "-pix_fmt", layout, "-"], check=True, capture_output=True)
    return np.frombuffer(made.stdout, np.uint8).reshape(6, SIZE[1], SIZE[0], -1)


@pytest.mark.parametrize(
    ("codec", "container", "decoder", "tolerance"),
    [
        ("ffv1", "mkv", "", 0),
        ("ffv1", "mp4", "", 0),
        # Ten bits of the decoder's twelve or sixteen, rounded.
        ("prores", "mov", "", 1),
        ("prores", "mkv", "", 1),
        # Lossy; ffmpeg's own decoder of VP9 knows no alpha.
        ("vp9", "webm", "libvpx-vp9", 2),
        ("vp9", "mkv", "libvpx-vp9", 2),
    ],
)
def test_alpha_is_kept(
    tmp_path: Path, codec: str, container: str, decoder: str, tolerance: int
) -> None:
    source = film_with_alpha(tmp_path / "a.mov")
    quality = 10 if codec == "vp9" else 0
    settings = EncodeSettings(codec=codec, container=container, quality=quality)
    film, frames = written(source, tmp_path, settings)
    found = decoded(film, "rgba", decoder)
    assert len(found) == len(frames) == 6
    for picture, frame in zip(found, frames, strict=True):
        assert frame.alpha is not None
        np.testing.assert_array_equal(frame.alpha, soft())
        off = np.abs(picture[..., 3].astype(int) - frame.alpha)
        assert off.max() <= tolerance if codec != "vp9" else off.mean() <= tolerance
        seen = np.abs(picture[..., :3].astype(int) - frame.image)[soft() > 128]
        assert seen.max() == 0 if codec == "ffv1" else seen.mean() < 4
    assert probe(film).alpha  # and nstd itself finds it again


@pytest.mark.parametrize("container", ["mov", "mkv"])
@pytest.mark.parametrize(
    ("profile", "tag"),
    [("proxy", "apco"), ("lt", "apcs"), ("standard", "apcn"), ("hq", "apch"), ("4444", "ap4h"),
     ("4444xq", "ap4x")],
)  # fmt: skip
def test_profiles_of_prores_are_told_apart_by_their_tag(
    tmp_path: Path, profile: str, tag: str, container: str
) -> None:
    source = film_with_alpha(tmp_path / "a.mov")
    settings = EncodeSettings(codec="prores", container=container, quality=0, profile=profile)
    film, _ = written(source, tmp_path, settings)
    with av.open(str(film)) as container_:
        assert container_.streams.video[0].codec_context.codec_tag == tag


@pytest.mark.parametrize(("codec", "container"), [("h264", "mp4"), ("vp9", "mp4")])
def test_what_is_transparent_is_black_where_there_is_no_alpha(
    tmp_path: Path, codec: str, container: str
) -> None:
    source = film_with_alpha(tmp_path / "a.mov")
    film, frames = written(source, tmp_path, EncodeSettings(codec=codec, container=container))
    found = decoded(film, "rgb24")
    hidden, opaque = soft() == 0, soft() == 255
    assert found[:, hidden].max() <= 4  # not red
    for picture, frame in zip(found, frames, strict=True):
        assert np.abs(picture.astype(int) - frame.image)[opaque].mean() < 4


def test_what_alpha_hides_has_no_influence(tmp_path: Path) -> None:
    def frames(name: str, hidden: tuple[int, int, int]) -> list[ImageU8]:
        source = film_with_alpha(tmp_path / name, hidden)
        info: VideoInfo = replace(probe(source), reader="pyav", alpha=True)
        return [frame.image for frame in read_frames(source, info)]

    red, green = frames("red.mov", RED), frames("green.mov", (0, 255, 0))
    np.testing.assert_array_equal(red, green)
    # What is seen there instead is what is beside it: the picture is dark blue at its left.
    assert np.abs(red[0][40, 0].astype(int) - red[0][40, 24]).max() < 30


ALPHA_READ = {
    "vp9.webm": "-c:v libvpx-vp9 -pix_fmt yuva420p -b:v 0 -crf 4 -deadline realtime -cpu-used 8",
    "vp8.webm": "-c:v libvpx -pix_fmt yuva420p -auto-alt-ref 0 -b:v 2M -deadline realtime",
    "prores.mov": "-c:v prores_ks -profile:v 4444 -pix_fmt yuva444p10le",
    "rle.mov": "-c:v qtrle -pix_fmt argb",
    "png.mov": "-c:v png -pix_fmt rgba",
    "rgb.mkv": "-c:v ffv1 -pix_fmt bgra",
    "yuv.mkv": "-c:v ffv1 -pix_fmt yuva420p",
    "ut.avi": "-c:v utvideo -pix_fmt gbrap",
}


@pytest.mark.parametrize("name", ALPHA_READ)
def test_alpha_is_read_of_every_codec_that_has_it(tmp_path: Path, name: str) -> None:
    ramp = "format=rgba,geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='2*X'"
    source = f"testsrc2=s={SIZE[0]}x{SIZE[1]}:r=25:d=0.08,{ramp}"
    film = tmp_path / name
    call = ["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", source]
    subprocess.run([*call, *ALPHA_READ[name].split(), str(film)], check=True)
    info = probe(film)
    assert info.alpha
    frames = list(read_frames(film, info))
    assert len(frames) == 2
    for frame in frames:
        assert frame.alpha is not None
        off = np.abs(frame.alpha - 2.0 * np.arange(SIZE[0]))
        assert off.max() <= (6 if "vp" in name else 1)
