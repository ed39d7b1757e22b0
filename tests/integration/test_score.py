"""`nstd score` on films: what it prints, draws and refuses."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import PIL.Image
import pytest

from nstd.cli import main
from nstd.config import Config
from nstd.media.frame import ImageU8
from nstd.scoring import score_film
from tests.scenes import texture

HEIGHT, WIDTH = 64, 96
CUT, LENGTH = 9, 18


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def two_shots() -> list[ImageU8]:
    """A camera that moves by a pixel a frame over one picture, then over another."""
    one = texture(HEIGHT, WIDTH + LENGTH, 1, slope=1.5)
    other = 255 - texture(HEIGHT, WIDTH + LENGTH, 5, slope=1.5) // 2
    return [(one if n < CUT else other)[:, n : n + WIDTH] for n in range(LENGTH)]


def write(path: Path, pictures: Sequence[ImageU8]) -> Path:
    """A film without loss."""
    with av.open(str(path), "w") as output:
        options = {"crf": "0", "preset": "ultrafast"}
        stream = output.add_stream("libx264rgb", rate=25, options=options)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "rgb24"
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "film.mp4", two_shots())


def inverted(pictures: Sequence[ImageU8]) -> list[ImageU8]:
    return [255 - picture for picture in pictures]


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["score", *map(str, arguments)])
    code = ended.value.code
    assert isinstance(code, int)
    return code


def scored(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    assert run(*arguments, "--json") == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_all_numbers_come_as_json_and_the_curves_as_a_picture(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    painted = write(tmp_path / "painted.mp4", inverted(two_shots()))
    plot = tmp_path / "score.png"
    found = scored(capsys, painted, "--source", source, "--segment-frames", 4, "--plot", plot)
    # Inverted, all differences are the same but for their sign.
    assert found["flicker_ratio"] == pytest.approx(1, rel=0.02)
    assert found["unconditioned_flicker_ratio"] == pytest.approx(1, rel=0.02)
    assert 0.3 < found["counted"] < 1
    assert found["gradient_energy_ratio"] == pytest.approx(1, rel=1e-3)
    assert found["laplacian_variance_ratio"] == pytest.approx(1, rel=1e-3)
    assert [(shot["first"], shot["last"]) for shot in found["shots"]] == [(0, 8), (9, 17)]
    frames = found["per_frame"]
    assert [one["index"] for one in frames if one["flicker_ratio"] is None] == [0, CUT]
    assert [one["index"] for one in frames if one["begins_segment"]] == [4, 8, 13, 17]
    assert found["segment_borders"] == 4
    assert found["style_loss"] is None
    assert found["plot"] == str(plot)
    with PIL.Image.open(plot) as picture:
        assert picture.format == "PNG"
        assert picture.size[0] == 1200


def test_with_a_style_its_losses_come_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write(tmp_path / "few.mp4", two_shots()[:3])
    painted = write(tmp_path / "painted.mp4", inverted(two_shots()[:3]))
    plot = tmp_path / "score.png"
    found = scored(capsys, painted, "--source", source, "--style", "impasto", "--plot", plot)
    assert found["network"] == "pocket"
    assert all(one["style_loss"] > 0 and one["content_loss"] > 0 for one in found["per_frame"])
    assert found["new_style_loss"] > 0
    with PIL.Image.open(plot) as picture:
        three = picture.size[1]
    assert run(painted, "--source", source, "--plot", plot, "--overwrite") == 0
    with PIL.Image.open(plot) as picture:
        assert picture.size[1] < three  # no panel for a style that was not given


def test_without_options_it_says_in_lines_what_is_good(
    source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(source, "--source", source) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert "18 frames, 2 shots, 96 × 64 px" in lines[0]
    assert lines[1].split()[:3] == ["flicker", "1.00", "by"]
    assert said.err == ""


def test_h264_is_scored_as_players_show_it(tmp_path: Path, ffmpeg: str) -> None:
    def run_ffmpeg(*arguments: object) -> bytes:
        command = [ffmpeg, "-v", "error", "-y", *map(str, arguments)]
        return subprocess.run(command, check=True, capture_output=True).stdout

    vivid = texture(HEIGHT, WIDTH + 9, 3, slope=1.2).astype(np.float64)
    vivid = np.clip(128 + 2.5 * (vivid - 128), 0, 255)
    source = write(tmp_path / "film.mp4", two_shots()[:4])
    paint = write(
        tmp_path / "paint.mkv", [vivid[:, n : n + WIDTH].astype(np.uint8) for n in range(4)]
    )
    film, size = tmp_path / "painted.mp4", (-1, HEIGHT, WIDTH, 3)
    matrix = "scale=out_color_matrix=bt709,format=yuv420p"
    run_ffmpeg("-i", paint, "-vf", matrix, "-crf", 18, "-colorspace", "bt709", film)

    def flicker(flags: str) -> float:
        """Of what ffmpeg makes of the film, written without loss."""
        raw = run_ffmpeg(
            "-i", film, "-vf", f"scale=flags={flags}", "-pix_fmt", "rgb24", "-f", "rawvideo", "-"
        )
        shown = write(tmp_path / "shown.mkv", [*np.frombuffer(raw, np.uint8).reshape(size)])
        return score_film(Config(), shown, source)[0].flicker.ratio

    found = score_film(Config(), film, source)[0].flicker.ratio
    exact = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
    assert found == pytest.approx(flicker(exact), rel=0.02)
    assert flicker("neighbor") > 1.3 * found  # each sample of chroma repeated, as OpenCV does


def test_a_part_of_the_film_is_matched_from_its_first_frame_on(
    source: Path, tmp_path: Path
) -> None:
    painted = write(tmp_path / "part.mp4", two_shots()[5:14])
    score, films = score_film(Config(), painted, source, first=5)
    assert (films.first, len(score.frames)) == (5, 9)
    assert score.flicker.ratio == 1.0
    assert [shot.first for shot in score.shots] == [0, CUT - 5]
    assert all(frame.painted.luminance == frame.source.luminance for frame in score.frames)
    # Frames that do not belong together have each their own light.
    shifted, _ = score_film(Config(), painted, source, first=4)
    assert not any(frame.painted.luminance == frame.source.luminance for frame in shifted.frames)


def test_a_part_may_be_the_films_beginning(source: Path, tmp_path: Path) -> None:
    painted = write(tmp_path / "part.mp4", two_shots()[:5])
    score, _ = score_film(Config(), painted, source, first=0)
    assert score.flicker.ratio == 1.0


def test_a_painted_film_that_was_cut_off_begins_where_its_source_does(
    source: Path, tmp_path: Path
) -> None:
    painted = write(tmp_path / "cut.mkv", two_shots())
    painted.write_bytes(painted.read_bytes()[: painted.stat().st_size * 2 // 3])
    score, films = score_film(Config(accept_truncated=True), painted, source)
    assert films.first == 0
    assert 5 < len(score.frames) < LENGTH
    assert score.flicker.ratio == 1.0


def test_the_source_is_scaled_to_the_painted_size(source: Path, tmp_path: Path) -> None:
    small = [cv2.resize(one, (72, 48), interpolation=cv2.INTER_AREA) for one in two_shots()]
    painted = write(tmp_path / "small.mp4", [one.astype(np.uint8) for one in small])
    score, films = score_film(Config(), painted, source)
    assert films.size == (72, 48)
    assert score.flicker.ratio == 1.0
    assert score.gradient_energy_ratio == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize(
    ("pictures", "arguments", "part"),
    [
        (two_shots(), ["--first", "1"], "17 frames from number 1 on"),
        (two_shots(), ["--first", "18"], "none with number 18"),
        ([*two_shots(), two_shots()[0]], [], "has 18 frames, and"),
        (two_shots()[5:14], [], "give with --first the frame"),
        ([one[:, :64] for one in two_shots()], [], "another shape"),
        (two_shots(), ["--plot", "score.txt"], "score.txt"),
        (two_shots(), ["--plot", "nowhere/score.png"], "nowhere"),
        (two_shots(), ["--plot", "film.mp4.png"], "is there already"),
        (two_shots(), ["--network", "pocket"], "--style"),
        (two_shots(), ["--style", "impastro"], "impastro"),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence(
    pictures: list[ImageU8],
    arguments: list[str],
    part: str,
    source: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "film.mp4.png").write_bytes(b"mine")
    painted = write(tmp_path / "painted.mp4", pictures)
    assert run(painted, "--source", source, *arguments) == 2
    said = capsys.readouterr()
    assert part in said.err
    assert said.out == ""
    assert (tmp_path / "film.mp4.png").read_bytes() == b"mine"


def test_what_is_no_film_is_told(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("notes.mp4").write_text("no film")
    for arguments, name in ((["notes.mp4", "--source", source], "notes.mp4"),
                            ([source, "--source", "gone.mp4"], "gone.mp4")):  # fmt: skip
        assert run(*arguments) == 1
        assert name in capsys.readouterr().err
