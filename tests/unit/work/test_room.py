"""Room on the disks: what a film still takes, and the sentence where there is not enough."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nstd.errors import DiskFullError, StorageError
from nstd.media.write.codecs import EncodeSettings, layout_of
from nstd.media.write.encoders import Layout
from nstd.work.room import (
    Disk,
    Need,
    Rest,
    bits_per_pixel,
    judge,
    look_at,
    needed,
)

GIB = 1 << 30
KEPT = 48 * 320 * 180 * 18.5 / 8
"""Bytes of a segment of frames that are kept as PNG, of which a pixel takes 18.5 bits."""

WORK, OUT = Path("/state/work/1"), Path("/films/out")


def rest(**changes: Any) -> Rest:
    usual = Rest(
        pixels=320 * 180,
        encode=EncodeSettings(),
        layout=Layout("yuv420p"),
        frames_left=325,
        segment_frames=48,
    )
    return replace(usual, **changes)


def test_a_film_not_begun_is_estimated_near_what_it_turned_out_to_take() -> None:
    # The film the rate was measured on: 325 frames of 320×180 in h264 came to 4.51 MB with sound.
    need = needed(rest(sound_bytes=0))
    assert need.target == pytest.approx(4.51e6, rel=0.02)
    assert need.work == pytest.approx(need.target + KEPT, rel=1e-6)


def test_closed_segments_are_a_better_measure_and_need_no_more_room_in_the_work_folder() -> None:
    need = needed(rest(frames_left=100, closed_frames=200, closed_bytes=2_000_000))
    assert need.target == 3_000_000
    assert need.work == 1_000_000 + int(KEPT)


def test_pictures_take_as_much_as_they_do_where_they_are_kept() -> None:
    encode = EncodeSettings("ffv1", 0, container="mkv", depth=16, pictures="tif")
    whole = rest(encode=encode, layout=Layout("gbrp16le"), sound_bytes=10**6)
    # 16 bits, as painted frames are kept; of what is lossless the lower halves are noise.
    assert needed(whole).target == pytest.approx(325 * 320 * 180 * 43.5 / 8, rel=1e-6)


def test_what_is_there_already_is_not_needed_again() -> None:
    kept = int(KEPT)
    assert needed(rest(kept_bytes=1000)).work == needed(rest()).work - 1000
    assert needed(rest(kept_bytes=kept + 10)).work == needed(rest()).work - kept
    assert needed(rest(part_bytes=1000)).target == needed(rest()).target - 1000


def test_what_is_painted_to_the_end_only_has_to_be_put_together() -> None:
    whole = rest(frames_left=0, closed_frames=325, closed_bytes=4_000_000, sound_bytes=500_000)
    assert needed(whole) == Need(work=0, target=4_500_000)


@pytest.mark.parametrize(
    ("settings", "bits"),
    [
        (EncodeSettings(), 1.9),
        (EncodeSettings(quality=12), 3.3),
        (EncodeSettings(quality=24), 0.9),
        (EncodeSettings(quality=0), 8.4),
        (EncodeSettings(preset="ultrafast"), 2.5),
        (EncodeSettings("h265", 20), 1.5),
        (EncodeSettings("h265", 14), 2.6),
        (EncodeSettings("h265", 26), 0.73),
        (EncodeSettings("av1", 24), 1.6),
        (EncodeSettings("av1", 14), 2.5),
        (EncodeSettings("av1", 34), 0.78),
        (EncodeSettings("prores", 0, container="mov"), 6.4),
        (EncodeSettings("ffv1", 0, container="mkv"), 15.4),
        (EncodeSettings("ffv1", 0, container="mkv", depth=16), 39.3),
        (EncodeSettings("vp9", 28, container="webm"), 0.65 / 0.63 * 1.93),
        (EncodeSettings("vp9", 14, container="webm"), 1.2 / 0.63 * 1.93),
        (EncodeSettings("vp9", 50, container="webm"), 0.17 / 0.63 * 1.93),
        (EncodeSettings("prores", 0, container="mov", profile="proxy"), 1.3),
        (EncodeSettings("dnxhr", 0, container="mov"), 4.0),
    ],
)
def test_the_estimate_is_near_what_was_measured(settings: EncodeSettings, bits: float) -> None:
    # 15 %: a film's own content makes more of a difference than that.
    assert bits_per_pixel(settings, layout_of(settings, 320, 180)) == pytest.approx(bits, rel=0.15)


def test_no_encoding_takes_more_than_the_lossless_frames() -> None:
    settings = EncodeSettings(quality=0, preset="ultrafast")
    assert bits_per_pixel(settings, Layout("yuv420p")) <= 18.5


def test_the_sentence_says_how_much_is_needed_how_much_is_free_and_where() -> None:
    disk = Disk(WORK, 1, int(1.1 * GIB))
    with pytest.raises(DiskFullError) as caught:
        judge("Painting a.mp4", Need(int(3.2 * GIB), 5 << 20), disk, Disk(OUT, 2, GIB), 2 * GIB)
    assert str(caught.value) == (
        "Painting a.mp4 needs about 3.2 GiB in /state/work/1, where 1.1 GiB are free and 2 GiB "
        "stay free. Free some space: what is painted so far is kept, and `nstd run` goes on by "
        "itself."
    )


def test_the_disk_of_the_output_is_looked_at_too() -> None:
    work, out = Disk(WORK, 1, 99 * GIB), Disk(OUT, 2, 10 << 20)
    judge("It", Need(GIB, 10 << 20), work, out, 0)
    with pytest.raises(DiskFullError, match="needs about 11 MiB in /films/out, where 10 MiB are"):
        judge("It", Need(GIB, 11 << 20), work, out, 0)


def test_on_one_disk_both_have_to_fit() -> None:
    work, out = Disk(WORK, 1, 3 * GIB), Disk(OUT, 1, 3 * GIB)
    judge("It", Need(GIB, GIB), work, out, GIB)
    where = "needs about 2 GiB in /state/work/1 and /films/out together, where 3 GiB"
    with pytest.raises(DiskFullError, match=where):
        judge("It", Need(GIB, GIB + 1), work, out, GIB)
    same = Disk(WORK, 1, 0)
    with pytest.raises(DiskFullError, match="in /state/work/1, where 0 B are free and 0 B"):
        judge("It", Need(0, 1), same, same, 0)


def test_a_disk_is_looked_at_where_the_folder_is(tmp_path: Path) -> None:
    disk = look_at(tmp_path)
    facts = os.statvfs(tmp_path)
    assert disk.device == tmp_path.stat().st_dev
    # Others write to it meanwhile.
    assert disk.free == pytest.approx(facts.f_bavail * facts.f_frsize, rel=0.2)
    with pytest.raises(StorageError, match=r"Looking at .*gone failed: No such file"):
        look_at(tmp_path / "gone")


def test_what_is_small_is_told_in_a_unit_that_shows_it() -> None:
    disk = Disk(WORK, 1, 700)
    with pytest.raises(DiskFullError, match=r"about 12 KiB in .*, where 700 B are free and 0"):
        judge("It", Need(12 << 10, 0), disk, disk, 0)
