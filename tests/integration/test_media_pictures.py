"""Pictures are decoded in a child process: only promised formats, also where one makes it crash."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from nstd.child import command as usual
from nstd.errors import Interrupted, StorageError, UnreadableError
from nstd.media import pictures
from nstd.media.pictures import read_still, read_style_image
from nstd.media.read.limits import Limits
from nstd.media.still import Still
from nstd.media.still_read import decode_still
from tests.clips import picture

Replace = Callable[[str], None]


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A child of this test's own."""
    own = pictures._Decoders()
    monkeypatch.setattr(pictures, "_decoders", own)
    yield
    own.close()


@pytest.fixture
def child(fresh: None, monkeypatch: pytest.MonkeyPatch) -> Replace:
    """Puts another program in the place of the child's own; it has `channel`."""

    def replace(program: str) -> None:
        start = (
            "import json, os, resource, signal, socket, sys, time\n"
            "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"
            "channel = socket.socket(fileno=json.loads(sys.argv[1])['socket'])\n"
            "asked = channel.recv(70000)\n"
        )

        def command(module: str, *arguments: str) -> list[str]:
            return [sys.executable, "-c", start + program, *arguments]

        monkeypatch.setattr(pictures, "command", command)

    return replace


def saved(path: Path, mode: str = "RGB", form: str | None = None, **options: Any) -> Path:
    PIL.Image.fromarray(picture(3, (64, 48))).convert(mode).save(path, form, **options)
    return path


EXIF = PIL.Image.Exif()
EXIF[0x010E] = "a sunset"


@pytest.mark.parametrize(
    ("name", "mode", "options"),
    [
        ("a.png", "RGBA", {"dpi": (72, 72)}),
        ("a.jpg", "CMYK", {}),
        ("a.webp", "RGB", {"exif": EXIF.tobytes()}),
        ("a.tif", "I;16", {}),
        ("a.bmp", "1", {}),
    ],
)
def test_what_comes_back_is_what_is_decoded_here(
    tmp_path: Path, name: str, mode: str, options: dict[str, Any]
) -> None:
    path = saved(tmp_path / name, mode, **options)
    there, here = read_still(path), decode_still(path.read_bytes(), path, Limits())
    for field in fields(Still):
        one, other = getattr(there, field.name), getattr(here, field.name)
        if isinstance(other, np.ndarray):
            assert one.dtype == other.dtype
            assert np.array_equal(one, other)
            assert one.flags.writeable
        else:
            assert type(one) is type(other)
            assert one == other


@pytest.mark.parametrize("form", ["EPS", "GIF", "ICNS", "PCX", "PPM", "PDF", "DDS", "SGI"])
def test_a_format_that_is_not_promised_is_not_opened_whatever_its_name(
    tmp_path: Path, form: str
) -> None:
    path = saved(tmp_path / "p.png", form=form)
    with pytest.raises(UnreadableError, match=r"is not a picture of a kind that is read \(JPEG"):
        read_still(path)
    with pytest.raises(UnreadableError):
        read_style_image(path)


def test_no_program_is_run_for_a_picture(
    tmp_path: Path, fresh: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Pillow would have Ghostscript draw what is behind an EPS's header.
    note = tmp_path / "run"
    for name in ("gs", "gswin32c"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\ntouch {note}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    path = saved(tmp_path / "p.png", form="EPS")
    with pytest.raises(UnreadableError):
        read_still(path)
    assert not note.exists()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
def test_the_content_and_not_the_name_says_what_format_it_is(tmp_path: Path, form: str) -> None:
    assert read_still(saved(tmp_path / "a.jpg", form=form)).format == form


def test_one_child_serves_many_pictures_and_is_replaced_when_it_has_ended(
    tmp_path: Path, fresh: None
) -> None:
    path = saved(tmp_path / "a.png")
    numbers = []
    for _ in range(2):
        for _ in range(3):
            read_still(path)
            numbers.append(_pid())
        os.kill(numbers[-1], signal.SIGKILL)
        _wait_for(lambda: not Path("/proc", str(numbers[-1])).exists())
    assert len(set(numbers[:3])) == len(set(numbers[3:])) == 1
    assert numbers[0] != numbers[3]


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGILL"])
def test_a_picture_that_crashes_the_decoder_is_unreadable(
    tmp_path: Path, child: Replace, name: str
) -> None:
    child(f"os.kill(os.getpid(), signal.{name})")
    with pytest.raises(UnreadableError, match=rf"a\.png crashes the decoder \({name}\)"):
        read_still(saved(tmp_path / "a.png"))


def test_a_child_killed_by_another_hand_is_tried_again(tmp_path: Path, child: Replace) -> None:
    child("os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(StorageError, match=r"was killed .* want of memory") as caught:
        read_still(saved(tmp_path / "a.png"))
    assert caught.value.retryable


def test_a_child_that_had_ended_of_itself_is_no_fault(
    tmp_path: Path, fresh: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []

    def command(module: str, *arguments: str) -> list[str]:
        started.append(module)
        # The first ends without an answer, as one that is idle does.
        return [sys.executable, "-c", ""] if len(started) == 1 else usual(module, *arguments)

    monkeypatch.setattr(pictures, "command", command)
    assert read_still(saved(tmp_path / "a.png")).format == "PNG"
    assert len(started) == 2


def test_a_picture_that_computes_for_ever_is_given_up(
    tmp_path: Path, child: Replace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "BASE_SECONDS", 0.6)
    path = saved(tmp_path / "a.png")
    child("time.sleep(60)")
    computed = iter((1.0, 1.5, 1.0, 1.1))  # before it and after it
    monkeypatch.setattr(pictures, "cpu_seconds", lambda _: next(computed))
    with pytest.raises(UnreadableError, match="cannot be read within"):
        read_still(path)
    with pytest.raises(StorageError, match="its disk hardly answers"):
        read_still(path)


def test_a_picture_that_takes_all_memory_is_unreadable(
    tmp_path: Path, fresh: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "large.png"
    PIL.Image.new("RGB", (6000, 4000)).save(path)
    assert read_still(path).image.shape == (4000, 6000, 3)
    monkeypatch.setattr(pictures, "_LIBRARIES_BYTES", -(4 << 30))
    monkeypatch.setattr(pictures, "_BYTES_PER_PIXEL", 24)
    with pytest.raises(UnreadableError, match=r"large\.png needs more than .* of memory"):
        read_still(path)


def test_who_waits_is_told_of_life_and_may_stop(tmp_path: Path, child: Replace) -> None:
    child("time.sleep(60)")
    told: list[int] = []
    with pytest.raises(Interrupted, match=r"a\.png was stopped"):
        read_still(
            saved(tmp_path / "a.png"),
            stopping=lambda: len(told) > 1,
            alive=lambda: told.append(1),
        )
    assert len(told) == 2


def test_threads_take_turns(tmp_path: Path, fresh: None) -> None:
    paths = [saved(tmp_path / f"{number}.png") for number in range(3)]
    found: list[str] = []

    def read(path: Path) -> None:
        found.extend([read_still(path).format for _ in range(5)])

    threads = [threading.Thread(target=read, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == ["PNG"] * 15


def _pid() -> int:
    decoder = pictures._decoders._decoder
    assert decoder is not None
    return decoder.process.pid


def _wait_for(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)
