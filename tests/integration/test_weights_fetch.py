"""Fetching VGG-19 from a real HTTP server that behaves, misbehaves, or is not there."""

import hashlib
import os
import resource
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from nstd.errors import BusyError, DiskFullError, DownloadError, StorageError, WeightsError
from nstd.files import file_sha256
from nstd.weights import catalog
from nstd.weights.canonical import load_weights
from nstd.weights.convert import import_weights
from nstd.weights.fetch import fetch_vgg19
from tests.http_origin import Origin, Server, serving
from tests.networks import QUARTER_WIDTHS, activations, make_torchvision_vgg19

DATE = "Wed, 21 Oct 2015 07:28:00 GMT"


@pytest.fixture(scope="session")
def vgg19_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quarter-width VGG-19 in torchvision's format: 5 MB, many reads long."""
    return make_torchvision_vgg19(
        tmp_path_factory.mktemp("origin") / "vgg19.pth", widths=QUARTER_WIDTHS, legacy=True
    )


@pytest.fixture
def origin(vgg19_file: Path) -> Origin:
    return Origin(vgg19_file.read_bytes())


@pytest.fixture
def server(origin: Origin, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    with serving(origin) as running:
        yield running


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def fetch(server: Server, cache: Path, **options: float) -> Path:
    prefix = hashlib.sha256(server.origin.content).hexdigest()[:8]
    return fetch_vgg19(cache, url=server.url, sha256_prefix=prefix, **options)  # type: ignore[arg-type]


def kept(cache: Path) -> list[Path]:
    """List half-fetched files."""
    return sorted((cache / "weights").glob("*.part"))


def assert_fetched(path: Path, cache: Path, content: bytes) -> None:
    """Check that the network is the server's, and nothing else is left behind."""
    weights = load_weights(path)
    assert weights.metadata["source_sha256"] == hashlib.sha256(content).hexdigest()
    assert weights.metadata["layout"] == "torchvision"
    assert sorted(file.name for file in (cache / "weights").iterdir()) == [
        ".lock",
        "vgg19.safetensors",
    ]


def test_a_fetched_network_is_the_imported_one(
    server: Server, cache: Path, vgg19_file: Path
) -> None:
    path = fetch(server, cache)
    assert path == cache / "weights" / "vgg19.safetensors"
    assert_fetched(path, cache, server.origin.content)
    fetched = load_weights(path)
    assert fetched.metadata["imported_from"] == server.url
    imported = load_weights(import_weights(vgg19_file, cache, name="i", layout="torchvision"))
    # torchvision's own transforms and nstd's constants for imported files agree
    assert fetched.tensors.keys() == imported.tensors.keys()
    assert all(torch.equal(fetched.tensors[n], imported.tensors[n]) for n in fetched.tensors)
    assert fetched.metadata["digest"] == imported.metadata["digest"]
    assert fetched.metadata["normalization"] == imported.metadata["normalization"]


def test_progress_grows_to_the_length(server: Server, cache: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    prefix = hashlib.sha256(server.origin.content).hexdigest()[:8]
    fetch_vgg19(
        cache,
        url=server.url,
        sha256_prefix=prefix,
        progress=lambda have, length: seen.append((have, length)),
    )
    length = len(server.origin.content)
    assert seen[0] == (0, length)
    assert seen[-1] == (length, length)
    assert [have for have, _ in seen] == sorted({have for have, _ in seen})
    assert len(seen) > 3


def test_what_is_there_is_not_fetched_again_unless_damaged(
    server: Server, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = fetch(server, cache)
    sound = path.read_bytes()
    assert fetch(server, cache) == path
    assert len(server.origin.ranges) == 1
    path.write_bytes(sound[:-1])
    fetch(server, cache)
    assert len(server.origin.ranges) == 2
    assert path.read_bytes() == sound
    assert "fetching again" in caplog.text


@pytest.mark.parametrize(
    ("etag", "last_modified"), [('"first"', None), (None, DATE), ('W/"weak"', DATE)]
)
def test_a_cut_off_download_fetches_only_the_rest(
    server: Server, cache: Path, etag: str | None, last_modified: str | None
) -> None:
    origin = server.origin
    origin.etag, origin.last_modified = etag, last_modified
    origin.cut_after = 3_000_000
    with pytest.raises(DownloadError, match=f"after 3000000 of {len(origin.content)} bytes"):
        fetch(server, cache)
    assert [part.stat().st_size for part in kept(cache)] == [3_000_000]
    origin.cut_after = 1_000_000
    with pytest.raises(DownloadError, match="after 4000000 of"):
        fetch(server, cache)
    origin.cut_after = None
    assert_fetched(fetch(server, cache), cache, origin.content)
    assert origin.ranges == [None, "bytes=3000000-", "bytes=4000000-"]
    assert origin.sent == [3_000_000, 1_000_000, len(origin.content) - 4_000_000]


def test_a_complete_download_is_not_asked_for_again(
    server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)  # the disk is full when the network is stored
        with pytest.raises(DiskFullError):
            fetch(server, cache)
    assert [part.stat().st_size for part in kept(cache)] == [len(server.origin.content)]
    assert_fetched(fetch(server, cache), cache, server.origin.content)
    assert len(server.origin.ranges) == 1


def test_a_server_without_ranges_is_started_anew(server: Server, cache: Path) -> None:
    server.origin.cut_after, server.origin.has_ranges = 3_000_000, False
    with pytest.raises(DownloadError):
        fetch(server, cache)
    server.origin.cut_after = None
    assert_fetched(fetch(server, cache), cache, server.origin.content)
    assert server.origin.sent == [3_000_000, len(server.origin.content)]


@pytest.mark.parametrize("minds_if_range", [True, False])
@pytest.mark.parametrize("size", ["same", "longer", "shorter"])
def test_a_file_that_changed_between_tries_is_started_anew(
    server: Server, cache: Path, tmp_path: Path, minds_if_range: bool, size: str
) -> None:
    origin = server.origin
    old, prefix_of_old = origin.content, hashlib.sha256(origin.content).hexdigest()[:8]
    widths = {"same": QUARTER_WIDTHS, "longer": (20, 32, 64, 128, 128), "shorter": (4,) * 5}[size]
    new = make_torchvision_vgg19(tmp_path / "new.pth", seed=1, widths=widths, legacy=True)
    origin.cut_after, origin.minds_if_range = 3_000_000, minds_if_range
    with pytest.raises(DownloadError):
        fetch(server, cache)
    origin.content, origin.etag, origin.cut_after = new.read_bytes(), '"second"', None
    assert (len(origin.content) > len(old)) == (size == "longer")
    # the part is the old file's, whatever hash is wanted now
    for part in (cache / "weights").glob("*.part*"):
        part.rename(str(part).replace(prefix_of_old, file_sha256(new)[:8]))
    assert_fetched(fetch(server, cache), cache, origin.content)
    assert origin.ranges[1] == "bytes=3000000-"
    assert origin.sent[-1] == len(origin.content)


@pytest.mark.parametrize("damage", ["notes", "part longer than the file"])
def test_a_part_that_makes_no_sense_is_started_anew(
    server: Server, cache: Path, damage: str
) -> None:
    server.origin.cut_after = 3_000_000
    with pytest.raises(DownloadError):
        fetch(server, cache)
    server.origin.cut_after = None
    (part,) = kept(cache)
    if damage == "notes":
        part.with_name(f"{part.name}.json").write_text("{")
    else:
        part.write_bytes(bytes(len(server.origin.content) + 1))
    assert_fetched(fetch(server, cache), cache, server.origin.content)


@pytest.mark.parametrize("says_length", [True, False])
def test_a_wrong_hash_removes_the_file_and_says_so(
    server: Server, cache: Path, says_length: bool
) -> None:
    server.origin.says_length = says_length
    with pytest.raises(DownloadError) as caught:
        fetch_vgg19(cache, url=server.url, sha256_prefix="dcbb9e9d")
    assert "not the file that was promised" in caught.value.problem
    assert "dcbb9e9d" in caught.value.problem
    assert [file.name for file in (cache / "weights").iterdir()] == [".lock"]


def test_by_default_torchvisions_promise_must_be_kept(server: Server, cache: Path) -> None:
    with pytest.raises(DownloadError, match="not dcbb9e9d"):
        fetch_vgg19(cache, url=server.url)


def test_a_file_of_the_right_hash_that_is_no_network_is_not_kept(
    server: Server, cache: Path
) -> None:
    server.origin.content = b"<html>Sign in to the hotel's network</html>"
    with pytest.raises(WeightsError, match="no file of weights"):
        fetch(server, cache)
    assert [file.name for file in (cache / "weights").iterdir()] == [".lock"]


@pytest.mark.parametrize(
    ("status", "advice"), [(404, "may have moved"), (403, "may have moved"), (503, "later")]
)
def test_a_refusal_is_said_with_its_number(
    server: Server, cache: Path, status: int, advice: str
) -> None:
    server.origin.status = status
    with pytest.raises(DownloadError) as caught:
        fetch(server, cache)
    assert str(status) in caught.value.problem
    assert advice in caught.value.remedy


def test_a_refusal_keeps_what_is_there(server: Server, cache: Path) -> None:
    server.origin.cut_after = 3_000_000
    with pytest.raises(DownloadError):
        fetch(server, cache)
    server.origin.cut_after, server.origin.status = None, 502
    with pytest.raises(DownloadError, match="502"):
        fetch(server, cache)
    server.origin.status = 200
    assert_fetched(fetch(server, cache), cache, server.origin.content)
    assert server.origin.sent[-1] == len(server.origin.content) - 3_000_000


def test_a_redirect_is_followed(server: Server, cache: Path) -> None:
    prefix = hashlib.sha256(server.origin.content).hexdigest()[:8]
    url = server.url.replace("/models/vgg19.pth", "/moved")
    assert_fetched(fetch_vgg19(cache, url=url, sha256_prefix=prefix), cache, server.origin.content)


def test_a_stalling_server_is_given_up_and_continued_later(server: Server, cache: Path) -> None:
    server.origin.stall_after = 3_000_000
    begin = time.monotonic()
    with pytest.raises(DownloadError, match="stalled"):
        fetch(server, cache, timeout=0.5)
    assert time.monotonic() - begin < 5  # ten times the limit: a slow machine is no failure
    server.origin.stall_after = None
    server.origin.released.set()
    assert_fetched(fetch(server, cache), cache, server.origin.content)
    assert server.origin.ranges == [None, "bytes=3000000-"]


@pytest.mark.usefixtures("server")
def test_a_refused_connection_is_said(cache: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(DownloadError) as caught:
        fetch_vgg19(cache, url=f"http://127.0.0.1:{port}/vgg19.pth")
    assert "refused" in caught.value.problem
    assert "network connection" in caught.value.remedy


@pytest.mark.parametrize("url", ["file:///etc/passwd", "vgg19.pth", "ftp://127.0.0.1/vgg19.pth"])
def test_only_web_addresses_are_fetched(cache: Path, url: str) -> None:
    with pytest.raises(DownloadError, match="not an http or https address"):
        fetch_vgg19(cache, url=url)


def test_too_little_space_is_found_before_anything_is_fetched(
    server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(cache.parent)._replace(free=60_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DiskFullError, match=r"needs 62 MiB .* where 57\.2 MiB are free"):
        fetch(server, cache)
    assert not kept(cache)


def test_a_disk_that_fills_up_keeps_what_fits_and_continues(server: Server, cache: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, hard))  # writing beyond: EFBIG
    try:
        with pytest.raises(DiskFullError):
            fetch(server, cache)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [part.stat().st_size for part in kept(cache)] == [2_000_000]
    assert_fetched(fetch(server, cache), cache, server.origin.content)
    assert server.origin.ranges[-1] == "bytes=2000000-"


def test_a_cache_folder_that_cannot_be_made_is_said(server: Server, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(StorageError, match="cache"):
        fetch(server, tmp_path / "cache")


def test_two_do_not_fetch_into_one_folder(server: Server, cache: Path) -> None:
    with catalog.writing(cache), pytest.raises(BusyError):
        fetch(server, cache)
    assert server.origin.ranges == []


def test_the_full_width_network_is_cut_to_what_is_used(
    server: Server, cache: Path, tmp_path: Path
) -> None:
    file = make_torchvision_vgg19(tmp_path / "full.pth", legacy=True)
    server.origin.content = file.read_bytes()
    weights = load_weights(fetch(server, cache))
    assert sum(x.numel() for x in weights.tensors.values()) == 12_944_960 + 12
    assert 51_700_000 < weights.path.stat().st_size < 51_900_000
    assert list(activations(weights.tensors, torch.zeros(1, 3, 32, 32)))[-1] == "conv5_1"


def test_the_real_small_network_loads_and_imports(shared: Path, cache: Path) -> None:
    source = load_weights(shared / "networks/compressed_vgg19.safetensors")
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    assert all(values.std() > 0 for values in activations(source.tensors, image).values())
    imported = load_weights(import_weights(source.path, cache))
    assert imported.name == "compressed_vgg19"
    assert imported.metadata.items() > source.metadata.items()
    assert all(torch.equal(imported.tensors[n], x) for n, x in source.tensors.items())
