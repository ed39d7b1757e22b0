"""Whether somebody has a file open for writing: what the kernel says, and what events tell."""

import mmap
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nstd.disks import mounts
from nstd.errors import BeingWrittenError
from nstd.intake.writers import Handles, Standing, ask_kernel, require_closed, standing_of
from tests.unprivileged import give_away, unprivileged

OPEN, CLOSED, UNKNOWN = Standing.OPEN, Standing.CLOSED, Standing.UNKNOWN
A, B = Path("/in/a.mp4"), Path("/in/b.mp4")


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"a film")
    return path


# --- the kernel ------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["ab", "r+b"])
def test_a_file_is_open_as_long_as_a_program_may_write_to_it(film: Path, mode: str) -> None:
    assert ask_kernel(film) is CLOSED
    with film.open(mode), film.open("rb"):
        assert ask_kernel(film) is OPEN
        with pytest.raises(BeingWrittenError, match=r"a\.mp4 is being written: a program has it"):
            require_closed(film)
    assert ask_kernel(film) is CLOSED
    require_closed(film)


def test_of_a_link_that_is_named_what_it_leads_to_counts(film: Path) -> None:
    link = film.with_name("link.mp4")
    link.symlink_to(film.name)
    with film.open("ab"), pytest.raises(BeingWrittenError, match=r"link\.mp4 is being written"):
        require_closed(link)


def test_who_only_reads_a_file_does_not_write_to_it(film: Path) -> None:
    with film.open("rb"):
        assert ask_kernel(film) is CLOSED


def test_a_file_that_is_closed_and_still_mapped_for_writing_is_open(film: Path) -> None:
    with film.open("r+b") as file:
        mapped = mmap.mmap(file.fileno(), 0)
    assert ask_kernel(film) is OPEN
    mapped.close()
    assert ask_kernel(film) is CLOSED


def test_under_another_name_it_is_the_same_file(film: Path) -> None:
    other = film.with_name("b.mp4")
    with film.open("ab"):
        os.link(film, other)
        film.rename(film.with_name("c.mp4"))
        assert ask_kernel(other) is OPEN


def test_nothing_is_said_of_another_users_file(film: Path) -> None:
    give_away(film)
    with unprivileged():
        assert ask_kernel(film) is UNKNOWN
        with film.open("rb"):
            require_closed(film)  # nothing is known against it


def fifo(path: Path) -> None:
    os.mkfifo(path)


def link(path: Path) -> None:
    path.with_name("target").write_bytes(b"1")
    path.symlink_to("target")


@pytest.mark.parametrize("made", [fifo, link, Path.mkdir, lambda _: None])
def test_nothing_is_said_of_what_is_no_file_and_nobody_waits_for_it(
    tmp_path: Path, made: Callable[[Path], object]
) -> None:
    made(tmp_path / "a.mp4")
    assert ask_kernel(tmp_path / "a.mp4") is UNKNOWN


def test_of_a_network_mount_nothing_is_believed(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NFS and SMB refuse a lease where nobody writes, and know of no writer elsewhere."""
    table = tmp_path / "mountinfo"
    monkeypatch.setattr(mounts.needs_polling, "__defaults__", (table,))
    table.write_text(f"1 0 0:1 / {tmp_path} rw - ext4 disk rw\n")
    assert standing_of(film) is CLOSED
    table.write_text(f"1 0 0:1 / {tmp_path} rw - nfs4 host:/ rw\n")
    with film.open("ab"):
        assert standing_of(film) is UNKNOWN
        require_closed(film)


BUSY = """
import sys, time
from pathlib import Path
from nstd.intake.writers import ask_kernel

until = time.monotonic() + 1
while time.monotonic() < until:
    ask_kernel(Path(sys.argv[1]))
"""


def test_a_writer_that_comes_while_it_is_asked_ends_nobody(film: Path) -> None:
    """The kernel has a signal sent then, which by default ends the process."""
    writing = f"while :; do : >> {film}; done"
    with subprocess.Popen(["sh", "-c", writing]) as writer:
        try:
            asked = subprocess.run([sys.executable, "-c", BUSY, film], check=False)
        finally:
            writer.kill()
    assert asked.returncode == 0


# --- events ----------------------------------------------------------------------------------

Step = Callable[[Handles], None]


def created(handles: Handles) -> None:
    handles.created(A)


def opened(handles: Handles) -> None:
    handles.opened(A)


def modified(handles: Handles) -> None:
    handles.modified(A)


def closed(handles: Handles) -> None:
    handles.closed(A, writer=True)


def read(handles: Handles) -> None:
    handles.closed(A, writer=False)


def renamed(handles: Handles) -> None:
    handles.moved(A, B)


def deleted(handles: Handles) -> None:
    handles.gone(A)


def lost(handles: Handles) -> None:
    handles.forget()


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], UNKNOWN),
        ([created, opened, modified], OPEN),
        ([created, opened, modified, closed], CLOSED),
        ([created, opened, modified, closed, opened, modified], OPEN),  # appended to
        ([created, opened, closed, opened], UNKNOWN),  # to read or to write
        ([created, opened, closed, opened, read], CLOSED),
        # Two write at a time, and one has done.
        ([created, opened, modified, opened, modified, closed], UNKNOWN),
        ([created, opened, opened, modified, closed, modified], OPEN),
        ([created, opened, opened, modified, closed, closed], CLOSED),
        # Somebody looks on while another writes.
        ([created, opened, modified, opened, read], OPEN),
        ([created, opened, modified, opened, closed, read], CLOSED),
        # Moved here from elsewhere, or linked: it may be open from before.
        ([created], UNKNOWN),
        ([created, opened, read], UNKNOWN),
        ([created, modified], OPEN),
        ([created, modified, closed], CLOSED),
        # There before anybody listened.
        ([modified], OPEN),
        ([opened, modified, closed], UNKNOWN),
        # Another under its name.
        ([created, opened, modified, closed, created], UNKNOWN),
        ([created, opened, modified, deleted], UNKNOWN),
        ([created, opened, modified, closed, lost], UNKNOWN),
        ([created, opened, modified, lost, modified], OPEN),
    ],
)
def test_events_tell_of_writers(steps: list[Step], expected: Standing) -> None:
    handles = Handles()
    for step in steps:
        step(handles)
    assert handles.standing(A) is expected


def test_a_renamed_file_is_as_open_as_it_was() -> None:
    handles = Handles()
    for step in (created, opened, modified, renamed):
        step(handles)
    assert (handles.standing(A), handles.standing(B)) == (UNKNOWN, OPEN)
    handles.closed(B, writer=True)
    assert handles.standing(B) is CLOSED


def test_a_file_that_nothing_is_known_of_takes_the_place_of_one_that_was_known() -> None:
    handles = Handles()
    handles.created(B)
    handles.closed(B, writer=True)
    renamed(handles)
    assert handles.standing(B) is UNKNOWN
