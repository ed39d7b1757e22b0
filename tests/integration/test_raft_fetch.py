"""Fetching RAFT from a real HTTP server: what arrives is kept as it is, or not at all.

What a server may do wrong is the downloader's matter, and tested with VGG-19.
"""

import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision.models.optical_flow import Raft_Large_Weights, raft_small

from nstd.errors import DownloadError, StorageError
from nstd.painting.painter import build_estimator
from nstd.painting.plan import ExecutionPlan
from nstd.style.recipe import StyleRecipe, StyleSource, Temporal
from nstd.weights.catalog import list_weights
from nstd.weights.fetch import fetch_raft
from tests.http_origin import Origin, Server, serving
from tests.scenes import texture
from tests.unprivileged import unprivileged

CUT = 1_000_000
"""About a quarter of the file."""


@pytest.fixture(scope="module")
def raft_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RAFT, the small one, drawn at random, as torchvision saves it: 4 MB, many reads long."""
    path = tmp_path_factory.mktemp("origin") / "raft.pth"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(raft_small(weights=None).state_dict(), path)
    return path


@pytest.fixture
def server(raft_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    with serving(Origin(raft_file.read_bytes())) as running:
        yield running


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def fetch(server: Server, cache: Path, **more: Any) -> Path:
    return fetch_raft(cache, url=server.url, sha256_prefix=promised(server), **more)


def promised(server: Server) -> str:
    return hashlib.sha256(server.origin.content).hexdigest()[:8]


def files(cache: Path) -> list[str]:
    return sorted(path.name for path in (cache / "weights").iterdir() if path.name != ".lock")


def test_what_is_fetched_finds_flow_and_is_listed(server: Server, cache: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    path = fetch(server, cache, progress=lambda *now: seen.append(now))
    assert seen[-1] == (len(server.origin.content), len(server.origin.content))
    assert files(cache) == [path.name]
    assert path.name == f"raft_large_C_T_SKHT_V2-{promised(server)}.pth"
    assert path.read_bytes() == server.origin.content
    (entry,) = (entry for entry in list_weights(cache) if entry.name == "raft")
    assert (entry.state, entry.path) == ("present", path)
    styles = (StyleSource(image="any"),)
    recipe = StyleRecipe(styles=styles, temporal=Temporal(estimator="raft"))
    plan = ExecutionPlan(device="cpu", processor="any")
    estimator = build_estimator(recipe, plan, torch.device("cpu"), cache)
    assert estimator is not None
    picture = texture(40, 64, 1)
    backward, _ = estimator.estimate(picture, picture[::-1])
    assert backward.shape == (1, 2, 40, 64)


def test_what_is_there_is_not_fetched_again_unless_damaged(server: Server, cache: Path) -> None:
    path = fetch(server, cache)
    assert fetch(server, cache) == path
    assert len(server.origin.ranges) == 1
    path.write_bytes(server.origin.content[:CUT])
    assert fetch(server, cache).read_bytes() == server.origin.content
    assert len(server.origin.ranges) == 2


def test_a_download_that_was_cut_off_goes_on(server: Server, cache: Path) -> None:
    server.origin.cut_after = CUT
    with pytest.raises(DownloadError, match=f"ended after {CUT} of"):
        fetch(server, cache)
    (entry,) = (entry for entry in list_weights(cache) if entry.name == "raft")
    assert entry.state == "absent"  # half a file is none
    server.origin.cut_after = None
    assert fetch(server, cache).read_bytes() == server.origin.content
    assert server.origin.ranges == [None, f"bytes={CUT}-"]
    assert server.origin.sent == [CUT, len(server.origin.content) - CUT]


def test_another_file_is_refused_and_what_is_there_stays(server: Server, cache: Path) -> None:
    good = fetch(server, cache)
    with pytest.raises(DownloadError, match="not the file that was promised"):
        fetch_raft(cache, url=server.url)  # torchvision's hash is asked for
    assert files(cache) == [good.name]
    assert good.read_bytes() == server.origin.content


def test_without_a_network_torchvision_s_address_is_named_and_nothing_is_left(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with socket.socket() as free:  # bound and not listening: connections are refused
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{free.getsockname()[1]}")
        with pytest.raises(DownloadError, match="cannot be reached") as caught:
            fetch_raft(cache)
    assert str(Raft_Large_Weights.C_T_SKHT_V2.url) in caught.value.problem
    assert "network connection" in caught.value.remedy
    assert files(cache) == []


@pytest.mark.usefixtures("deniable")
def test_a_folder_that_may_not_be_written_is_named(server: Server, cache: Path) -> None:
    folder = cache / "weights"
    folder.mkdir(parents=True)
    folder.chmod(0o500)
    try:
        with unprivileged(), pytest.raises(StorageError, match="No permission") as caught:
            fetch(server, cache)
    finally:
        folder.chmod(0o755)
    assert str(folder) in caught.value.problem
    assert files(cache) == []
    assert server.origin.ranges == []


def test_a_cache_folder_that_is_a_file_is_named(server: Server, cache: Path) -> None:
    cache.write_text("a file, not a folder")
    with pytest.raises(StorageError, match="cache"):
        fetch(server, cache)
    assert server.origin.ranges == []
