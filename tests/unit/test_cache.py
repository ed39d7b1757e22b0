"""The cache of tensors: what was put comes back whole, or is a miss; it never fails the work."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import safetensors.torch
import torch

from nstd.cache import TensorCache

TENSORS = {"mean": torch.arange(5.0), "gram": torch.eye(4)}


def same(found: dict[str, torch.Tensor] | None, wanted: dict[str, torch.Tensor]) -> bool:
    return (
        found is not None
        and found.keys() == wanted.keys()
        and all(
            torch.equal(found[n], wanted[n]) and found[n].dtype == wanted[n].dtype for n in wanted
        )
    )


@pytest.fixture
def cache(tmp_path: Path) -> TensorCache:
    return TensorCache(tmp_path / "targets")


def files(cache: TensorCache) -> list[Path]:
    return sorted(cache.folder.iterdir())


def age(cache: TensorCache, key: str, seconds: int) -> None:
    """Make a file look as if it had been used last some seconds ago."""
    then = time.time_ns() - seconds * 10**9
    os.utime(cache._path(key), ns=(then, then))


def test_what_was_put_comes_back_also_in_another_process_s_cache(cache: TensorCache) -> None:
    assert cache.get("key") is None
    cache.put("key", TENSORS)
    assert same(cache.get("key"), TENSORS)
    assert same(TensorCache(cache.folder).get("key"), TENSORS)
    assert cache.get("another key") is None


def test_files_are_safetensors_that_any_reader_reads(cache: TensorCache) -> None:
    cache.put("a key / with * anything\n", TENSORS)
    (path,) = files(cache)
    assert path.suffix == ".safetensors"
    assert same(safetensors.torch.load_file(path), TENSORS)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.randn(3, 4, generator=torch.Generator().manual_seed(0)).bfloat16(),
        torch.ones(2).half(),
        torch.tensor(1.5, dtype=torch.float64),
        torch.empty(0, 3),
        torch.tensor([True, False]),
        torch.arange(3),
        torch.arange(12.0).reshape(3, 4).t(),
        torch.arange(12.0)[::3],
        torch.ones(5, 1)[:1].t().expand(1, 1)[:, ::2],
        torch.ones(2, 3, 4, 5).to(memory_format=torch.channels_last),
        torch.ones(3, requires_grad=True),
    ],
    ids=lambda tensor: f"{tensor.dtype}-{tuple(tensor.shape)}-{tensor.stride()}",
)
def test_any_dtype_shape_and_strides_come_back_equal(
    cache: TensorCache, tensor: torch.Tensor
) -> None:
    cache.put("key", {"x": tensor})
    assert same(cache.get("key"), {"x": tensor.detach()})


def test_tensors_that_share_memory_are_kept_apart(cache: TensorCache) -> None:
    whole = torch.arange(6.0)
    cache.put("key", {"whole": whole, "half": whole[:3], "again": whole})
    assert same(cache.get("key"), {"whole": whole, "half": whole[:3], "again": whole})


def test_any_damage_is_a_miss_and_the_file_goes(cache: TensorCache) -> None:
    cache.put("key", TENSORS)
    (path,) = files(cache)
    sound = path.read_bytes()
    damaged = [sound[:length] for length in (0, 1, 7, 8, 60, len(sound) - 1)]
    damaged += [sound + b"\0", bytes(len(sound)), b"{" * 100]
    # every byte in turn: padding and spelling of the header may differ harmlessly
    damaged += [sound[:at] + bytes([byte ^ 4]) + sound[at + 1 :] for at, byte in enumerate(sound)]
    misses = 0
    for content in damaged:
        path.write_bytes(content)
        found = cache.get("key")
        assert found is None or same(found, TENSORS)
        assert path.exists() == (found is not None)
        misses += found is None
    assert misses > 0.9 * len(damaged)
    cache.put("key", TENSORS)
    assert same(cache.get("key"), TENSORS)


def test_a_file_of_another_key_is_a_miss(cache: TensorCache) -> None:
    cache.put("one", TENSORS)
    cache._path("one").rename(cache._path("two"))
    assert cache.get("two") is None


def test_a_file_without_a_checksum_is_a_miss(cache: TensorCache) -> None:
    cache.folder.mkdir()
    safetensors.torch.save_file(TENSORS, cache._path("key"))
    assert cache.get("key") is None
    assert files(cache) == []


def test_the_least_recently_used_give_way(cache: TensorCache) -> None:
    for key, seconds in (("oldest", 30), ("read", 20), ("newer", 10)):
        cache.put(key, TENSORS)
        age(cache, key, seconds)
    assert cache.get("read") is not None  # now the most recently used
    size = files(cache)[0].stat().st_size
    cache.max_bytes = 3 * size
    cache.put("new", TENSORS)
    assert cache.get("oldest") is None
    assert all(same(cache.get(key), TENSORS) for key in ("read", "newer", "new"))
    cache.max_bytes = size
    age(cache, "new", 100)
    cache.put("new", TENSORS)  # the one just put stays, whatever its age was
    assert files(cache) == [cache._path("new")]


def test_what_is_larger_than_the_cache_is_not_kept(tmp_path: Path) -> None:
    cache = TensorCache(tmp_path, max_bytes=1000)
    cache.put("small", {"x": torch.ones(10)})
    cache.put("large", {"x": torch.ones(1000)})
    assert cache.get("large") is None
    assert cache.get("small") is not None


def test_what_a_killed_process_left_is_cleared_and_other_files_are_let_be(
    cache: TensorCache,
) -> None:
    cache.folder.mkdir()
    names = ("abandoned.part", "being written.part", "notes.txt")
    abandoned, fresh, notes = (cache.folder / name for name in names)
    for path in (abandoned, fresh, notes):
        path.write_text("x")
    long_ago = time.time() - 7200
    os.utime(abandoned, (long_ago, long_ago))
    os.utime(notes, (long_ago, long_ago))
    cache.put("key", TENSORS)
    assert files(cache) == sorted([fresh, notes, cache._path("key")])


def test_a_folder_that_cannot_be_used_is_warned_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("a file, not a folder")
    cache = TensorCache(tmp_path / "file" / "targets")
    for key in ("one", "two"):
        cache.put(key, TENSORS)
        assert cache.get(key) is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert str(cache.folder) in caplog.text


def test_a_full_disk_is_warned_of_and_leaves_no_part(
    cache: TensorCache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write = Path.write_bytes

    def half(self: Path, data: bytes) -> int:
        write(self, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", half)
        cache.put("key", TENSORS)
    assert files(cache) == []
    assert "No space left" in caplog.text
    cache.put("key", TENSORS)  # space again: used again
    assert same(cache.get("key"), TENSORS)


def test_a_read_only_folder_is_still_read(
    cache: TensorCache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cache.put("sound", TENSORS)
    cache.put("damaged", TENSORS)
    cache._path("damaged").write_bytes(b"x")

    def denied(*arguments: object, **options: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    # as root, permissions bind nobody
    monkeypatch.setattr(os, "utime", denied)
    monkeypatch.setattr(Path, "unlink", denied)
    assert same(cache.get("sound"), TENSORS)
    assert cache.get("damaged") is None
    assert [record.levelname for record in caplog.records if record.levelno >= 30] == ["WARNING"]


WRITER = """
import sys, torch
from pathlib import Path
from nstd.cache import TensorCache
cache = TensorCache(Path(sys.argv[1]), max_bytes=int(sys.argv[2]))
print("ready", flush=True)
for number in range(200):
    cache.put(str(number % 3), {"x": torch.full((5000,), float(number))})
"""


def test_a_reader_beside_a_writing_and_evicting_process_sees_whole_values_or_none(
    cache: TensorCache, caplog: pytest.LogCaptureFixture
) -> None:
    # room for two of three: files are replaced and removed all the time
    command = [sys.executable, "-c", WRITER, str(cache.folder), "50000"]
    hits = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        while writer.poll() is None:
            for key in ("0", "1", "2"):
                found = cache.get(key)
                if found is not None:
                    assert found["x"].shape == (5000,)
                    assert (found["x"] == found["x"][0]).all()
                    hits += 1
    assert writer.returncode == 0
    assert hits
    assert not caplog.records  # nothing was damaged, nothing went wrong
