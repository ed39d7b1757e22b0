"""A full disk, a kill, a folder that may not be written: nothing half-done is left behind."""

import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nstd.media.keep import FrameKeeper
from nstd.media.read.probe import probe
from nstd.media.read.reader import read_frames
from tests import clips, films

ROOT = Path(__file__).resolve().parents[2]

WRITE_SEGMENT = """
from nstd.media.write.segment import SegmentWriter
with SegmentWriter(folder / "segment.mp4", info, settings) as writer:
    for frame in frames:
        writer.write(frame)
"""
ASSEMBLE = """
from nstd.media.write.assemble import assemble
from nstd.media.write.keeping import Keeping
from nstd.media.write.segment import Assembly
keeping = Keeping("mp4", ())
segments = [source.parent / "segment-000000"]
whole = Assembly(segments=segments, info=info, settings=settings)
assemble(whole, source, folder / "film.mp4", keeping)
"""
KEEP = """
from nstd.media.keep import FrameKeeper
keeper = FrameKeeper(folder)
for frame in frames:
    keeper.keep(frame.index, np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8))
"""
ENCODE_STILL = """
from nstd.media.still import Still
from nstd.media.still_write import encode_still
noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
encode_still(noise, Still(noise, None, "PNG"), folder / "still.png", quality=90)
"""
DENIED = """
from tests.unprivileged import drop_privileges
drop_privileges()
"""
PROLOGUE = """
import sys
import numpy as np
from pathlib import Path
from nstd.errors import NstdError
from nstd.media.write.codecs import EncodeSettings
from nstd.media.read.probe import probe
from nstd.media.read.reader import read_frames
source, folder = Path(sys.argv[1]), Path(sys.argv[2])
info = probe(source)
frames = list(read_frames(source, info))
settings = EncodeSettings(preset="ultrafast", quality=1)
try:
    action = sys.argv[3]
    exec(action)
except NstdError as error:
    print(type(error).__name__, error)
else:
    print("done")
"""


def run(action: str, source: Path, folder: Path, limit: int | None) -> str:
    """Run `action` in a process whose files may not grow over `limit` bytes; what it prints."""
    program = [sys.executable, "-c", PROLOGUE, str(source), str(folder), action]

    def restrict() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    result = subprocess.run(
        program, cwd=ROOT, capture_output=True, text=True, preexec_fn=restrict, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film, and beside it a segment made of it."""
    folder = tmp_path_factory.mktemp("source")
    film = clips.make(folder / "a.mp4", sound=("aac",), size=(192, 128))
    info = probe(film)
    films.write_segment(folder / "segment-000000", info, list(read_frames(film, info)))
    return film


@pytest.mark.parametrize(
    ("action", "limit"),
    [
        (WRITE_SEGMENT, 0),
        (WRITE_SEGMENT, 12_000),
        (ASSEMBLE, 0),
        (ASSEMBLE, 9_000),
        (KEEP, 9_000),
        (ENCODE_STILL, 9_000),
    ],
    ids=["segment at once", "segment", "join at once", "join", "keep", "still"],
)
def test_a_full_disk_is_said_and_nothing_is_left(
    tmp_path: Path, source: Path, action: str, limit: int
) -> None:
    said = run(action, source, tmp_path, limit)
    assert said.startswith("DiskFullError No space is left for writing"), said
    assert films.names(tmp_path) == []


@pytest.mark.parametrize("action", [WRITE_SEGMENT, ASSEMBLE, KEEP, ENCODE_STILL])
def test_the_same_work_succeeds_with_space(tmp_path: Path, source: Path, action: str) -> None:
    assert run(action, source, tmp_path, None) == "done\n"
    assert films.names(tmp_path) != []


def test_a_kill_leaves_no_segment_and_only_whole_frames(tmp_path: Path, source: Path) -> None:
    forever = """
from itertools import cycle, count
from dataclasses import replace
from nstd.media.keep import FrameKeeper
from nstd.media.write.segment import SegmentWriter
keeper = FrameKeeper(folder / "frames")
with SegmentWriter(folder / "segment.mp4", info, settings) as writer:
    for index, frame in zip(count(), cycle(frames)):
        writer.write(replace(frame, pts=index * 512))
        keeper.keep(index, frame.image)
"""
    program = [sys.executable, "-c", PROLOGUE, str(source), str(tmp_path), forever]
    with subprocess.Popen(program, cwd=ROOT) as process:
        kept = tmp_path / "frames" / "frame-00000009.png"
        patience = time.monotonic() + 60
        while not kept.exists() and process.poll() is None and time.monotonic() < patience:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "segment.mp4").exists()
    keeper = FrameKeeper(tmp_path / "frames")
    indices = keeper.indices()
    assert indices[:10] == list(range(10))
    info = probe(source)
    frames = list(read_frames(source, info))
    assert all((keeper.load(i)[0] == frames[i % 25].image).all() for i in indices)
    assert not list((tmp_path / "frames").glob(".*"))


@pytest.mark.usefixtures("deniable")
def test_a_folder_that_may_not_be_written_is_said(tmp_path: Path, source: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        said = run(DENIED + WRITE_SEGMENT, source, tmp_path, None)
    finally:
        tmp_path.chmod(0o700)
    assert said.startswith("AccessError No permission for writing")


def test_a_folder_that_is_gone_is_said(tmp_path: Path, source: Path) -> None:
    assert run(WRITE_SEGMENT, source, tmp_path / "gone", None).startswith("StorageError")
