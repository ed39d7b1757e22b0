"""Probing in a child process: the same answers, also where a film makes the child crash."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nstd.errors import (
    InternalError,
    Interrupted,
    NstdError,
    StorageError,
    TruncatedError,
    UnreadableError,
    UnsupportedError,
    VanishedError,
)
from nstd.media.read import guarded
from nstd.media.read.guarded import probe_guarded
from nstd.media.read.limits import Limits
from nstd.media.read.probe import probe
from tests.clips import make

ROOT = Path(__file__).resolve().parents[2]

NO_CORE = "import os, signal, resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); "

Replace = Callable[[str], None]


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return make(tmp_path / "film.mp4", sound=("aac",), title="A “film”", language="deu")


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Replace:
    """Puts another program in the place of the child's own."""

    def replace(program: str) -> None:
        def command(module: str, *arguments: str) -> list[str]:
            return [sys.executable, "-c", program, *arguments]

        monkeypatch.setattr(guarded, "command", command)

    return replace


def test_the_answer_is_that_of_a_probe_in_this_process(film: Path, tmp_path: Path) -> None:
    assert probe_guarded(film) == probe(film)
    turned = make(tmp_path / "turned.mov", rotation=90, times=(0, 512, 1500, 9001))
    assert probe_guarded(turned) == probe(turned)


def test_a_name_that_is_no_text_comes_through(film: Path) -> None:
    odd = film.with_name(os.fsdecode(b"\xff '\n.mp4"))
    film.rename(odd)
    assert probe_guarded(odd) == probe(odd)
    with pytest.raises(VanishedError, match="There is no "):
        probe_guarded(odd.with_name(os.fsdecode(b"\xfe.mp4")))


def test_an_error_is_the_same_as_in_this_process(film: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(film.read_bytes()[:-2000])
    text = tmp_path / "text.mp4"
    text.write_text("no film")
    for path in (cut, text, tmp_path):
        with pytest.raises(NstdError) as here:
            probe(path)
        with pytest.raises(NstdError) as there:
            probe_guarded(path)
        assert type(there.value) is type(here.value)
        assert str(there.value) == str(here.value)


def test_what_is_accepted_and_what_is_too_much_is_passed_on(tmp_path: Path) -> None:
    whole = make(tmp_path / "film.mkv")
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[:-400])
    with pytest.raises(TruncatedError):
        probe_guarded(cut)
    assert probe_guarded(cut, accept_truncated=True).truncated
    with pytest.raises(UnsupportedError, match="the limit is 7"):
        probe_guarded(whole, limits=Limits(frames=7))


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGILL"])
def test_a_film_that_crashes_the_decoder_is_unreadable(
    film: Path, child: Replace, name: str
) -> None:
    child(f"{NO_CORE} os.kill(os.getpid(), signal.{name})")
    with pytest.raises(UnreadableError, match=rf"film\.mp4 crashes the decoder \({name}\)"):
        probe_guarded(film)


def test_a_child_killed_by_another_hand_is_tried_again(film: Path, child: Replace) -> None:
    child(f"{NO_CORE} os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(StorageError, match=r"was killed .* want of memory") as caught:
        probe_guarded(film)
    assert caught.value.retryable


def test_a_film_that_takes_all_memory_is_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = make(tmp_path / "large.mp4", times=(0,), size=(6000, 4000))
    assert probe_guarded(large).width == 6000
    # The libraries alone take 80 MB, and a picture of this size 36. Most decoders do not say that
    # it was memory they lacked.
    monkeypatch.setattr(guarded, "MEMORY_BYTES", 112 << 20)
    with pytest.raises(UnreadableError, match=r"large\.mp4"):
        probe_guarded(large)


def test_a_child_that_waits_blames_the_disk_and_one_that_computes_the_film(
    film: Path, child: Replace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guarded, "BASE_SECONDS", 0.6)
    child("import time; time.sleep(60)")
    with pytest.raises(StorageError, match="could not be read within 1 s") as waited:
        probe_guarded(film)
    assert waited.value.retryable
    # How much of the time it gets to compute is for the machine to say, so it may claim it all.
    monkeypatch.setattr(guarded, "cpu_seconds", lambda _: 0.6)
    child("while True: pass")
    with pytest.raises(UnreadableError, match="cannot be read within 1 s of computing"):
        probe_guarded(film)


def test_computing_is_counted() -> None:
    busy = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", busy], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert 0.2 < guarded.cpu_seconds(process.pid) < 30
        process.kill()
    assert guarded.cpu_seconds(process.pid) == 0  # it is gone


def test_a_stop_ends_the_child_and_life_is_told_of(
    film: Path, tmp_path: Path, child: Replace
) -> None:
    note = tmp_path / "pid"
    child(f"import os, time; open({str(note)!r}, 'w').write(str(os.getpid())); time.sleep(60)")
    beats: list[None] = []
    with pytest.raises(Interrupted, match=r"film\.mp4 was stopped"):
        probe_guarded(
            film,
            stopping=lambda: note.exists() and note.read_text() != "" and len(beats) > 1,
            alive=lambda: beats.append(None),
        )
    assert len(beats) > 1
    assert not Path("/proc", note.read_text()).exists()


def test_a_child_that_fails_to_start_is_told_of_with_its_last_words(
    film: Path, child: Replace
) -> None:
    child("raise SystemExit('libavcodec.so is not there')")
    # Of the film's kind of errors: any other would end a daemon that this film was dropped into.
    with pytest.raises(InternalError, match=r"failed unexpectedly: libavcodec\.so is not there"):
        probe_guarded(film)


def test_what_libraries_print_is_neither_the_answer_nor_in_the_way(
    film: Path, child: Replace, capfd: pytest.CaptureFixture[str]
) -> None:
    chatty = (
        "import os\n"
        "from contextlib import suppress\n"
        "from nstd.media.read import prober\n"
        "def chatty(*args, **kwargs):\n"
        "    for fd in (1, 2) * 20:\n"
        "        with suppress(OSError):\n"
        "            os.write(fd, b'[h264 @ 0x5] error while decoding MB' * 4000)\n"
        "    return real(*args, **kwargs)\n"
        "real, prober.probe = prober.probe, chatty\n"
        "prober.main()\n"
    )
    child(chatty)
    assert probe_guarded(film) == probe(film)
    assert capfd.readouterr() == ("", "")


def test_what_the_child_logs_is_logged_here(
    film: Path, child: Replace, caplog: pytest.LogCaptureFixture
) -> None:
    child(
        "import logging\n"
        "from nstd.media.read import prober\n"
        "def warning(*args, **kwargs):\n"
        "    logging.getLogger('nstd.media.read.scan').warning('100 %% of %s is damaged', 'it')\n"
        "    return real(*args, **kwargs)\n"
        "real, prober.probe = prober.probe, warning\n"
        "prober.main()\n"
    )
    probe_guarded(film)
    (record,) = (one for one in caplog.records if one.name == "nstd.media.read.scan")
    assert (record.levelname, record.getMessage()) == ("WARNING", "100 % of it is damaged")


def test_the_child_ends_with_the_process_that_started_it(film: Path, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    program = (
        "import sys, os, time\n"
        "from pathlib import Path\n"
        "from nstd.media.read import guarded\n"
        "program = '''import sys, json, os, time\n"
        "from nstd.child import confine\n"
        "asked = json.loads(sys.argv[1])\n"
        "confine(asked['parent'], asked['memory'], largest_file=1 << 20)\n"
        f"open({str(note)!r}, 'w').write(str(os.getpid()))\n"
        "time.sleep(60)'''\n"
        "guarded.command = lambda module, asked: [sys.executable, '-c', program, asked]\n"
        "guarded.probe_guarded(Path(sys.argv[1]))\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(film)], cwd=ROOT) as parent:
        _wait_for(lambda: note.exists() and note.read_text() != "")
        parent.kill()
    child = Path("/proc", note.read_text())
    _wait_for(lambda: not child.exists() or b"Z" in (child / "stat").read_bytes().split()[2])


def _wait_for(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)
