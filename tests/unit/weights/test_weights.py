"""Weights files: what loads, what is refused and why, and that all imports compute the same."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch

from nstd.errors import DiskFullError, NstdError, UsageError, WeightsError
from nstd.files import file_sha256
from nstd.weights import catalog
from nstd.weights.canonical import load_weights, save_weights
from nstd.weights.catalog import (
    ChosenNetwork,
    choose_network,
    find_weights,
    list_weights,
    verify_weights,
)
from nstd.weights.convert import import_weights
from nstd.weights.fetch import fetch_vgg19
from nstd.weights.file import LAYERS
from tests.networks import (
    Tensors,
    activations,
    make_quarter_network,
    make_torchvision_vgg19,
)
from tests.unit.weights.conftest import WIDTHS

Change = Callable[[Tensors], object]
"""Changes tensors in place; what it returns is not looked at."""


def rewrite(path: Path, change: Change) -> Path:
    tensors = safetensors.torch.load_file(path)
    change(tensors)
    safetensors.torch.save_file(tensors, path)
    return path


# --- loading -----------------------------------------------------------------------------------


def test_a_network_loads_with_its_name_hash_tensors_and_provenance(network: Path) -> None:
    weights = load_weights(network)
    assert weights.name == "network"
    assert weights.path == network
    assert weights.sha256 == file_sha256(network)
    assert weights.metadata == {"source": "random, seed 0"}
    wanted = safetensors.torch.load_file(network)
    assert weights.tensors.keys() == wanted.keys()
    assert all(torch.equal(weights.tensors[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize("last", range(1, 14))
def test_a_network_may_end_at_any_layer(tmp_path: Path, last: int) -> None:
    network = make_quarter_network(tmp_path / "n.safetensors", widths=WIDTHS, readout=False)
    gone = LAYERS[last:]
    rewrite(network, lambda t: [t.pop(n) for n in list(t) if n.split(".")[0] in gone])
    assert set(activations(load_weights(network).tensors, torch.zeros(1, 3, 64, 64))) == set(
        LAYERS[:last]
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_any_floating_dtype_loads_as_it_is(network: Path, dtype: torch.dtype) -> None:
    rewrite(network, lambda t: t.update({name: x.to(dtype) for name, x in t.items()}))
    assert {x.dtype for x in load_weights(network).tensors.values()} == {dtype}


def _set(name: str, value: torch.Tensor) -> Change:
    return lambda tensors: tensors.update({name: value})


def _metric(layer: str, shape: tuple[int, int], width: float) -> Change:
    made = {"factor": torch.ones(shape), "width": torch.tensor(width)}
    return lambda tensors: tensors.update({f"metric.{layer}.{k}": t for k, t in made.items()})


def _drop(*names: str) -> Change:
    return lambda tensors: [tensors.pop(name) for name in names]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_drop("preprocess.weight"), "lacks preprocess.weight"),
        (_drop("preprocess.bias"), "lacks preprocess.bias"),
        (_set("preprocess.weight", torch.eye(3)), "should be 3×3×1×1, but is 3×3"),
        (_drop("conv2_2.weight", "conv2_2.bias"), "lacks conv2_2.weight"),
        (_drop("conv3_1.bias"), "lacks conv3_1.bias"),
        (_drop("conv3_1.weight"), "lacks conv3_1.weight"),
        (_set("conv3_2.weight", torch.ones(8, 9, 3, 3)), "should be any×8×3×3, but is 8×9×3×3"),
        (_set("conv3_2.weight", torch.ones(7, 8, 3, 3)), "conv3_2.bias should be 7, but is 8"),
        (_set("conv1_1.weight", torch.ones(4, 1, 3, 3)), "should be any×3×3×3"),
        (_set("conv1_1.weight", torch.ones(4, 3, 5, 5)), "should be any×3×3×3"),
        (_set("conv5_1.weight", torch.ones(0, 10, 3, 3)), "conv5_1.weight should be any×10×3×3"),
        (_set("conv5_1.bias", torch.tensor(1.0)), "a single number"),
        (_set("conv6_1.weight", torch.ones(1)), "no part of nstd's networks: conv6_1.weight"),
        (_set("readout.conv4_2.weight", torch.ones(9, 10, 1, 1)), "lacks readout.conv4_2.bias"),
        (_set("readout.conv1_1.weight", torch.ones(9, 5, 1, 1)), "should be any×4×1×1"),
        (_set("readout.conv5_2.weight", torch.ones(9, 12, 1, 1)), "lacks conv5_2.weight"),
        (_set("conv4_1.bias", torch.ones(10, dtype=torch.int32)), "not floating point"),
        (_metric("conv4_2", (11, 10), 40), "metric.conv4_2.factor should be any×11"),
        (_metric("conv4_2", (11, 11), 0), "metric.conv4_2.width is no whole number above 0"),
        (_metric("conv4_2", (11, 11), 40.0), "metric.conv4_2.width is no whole number above 0"),
        (_metric("conv3_1", (9, 9), 32), "has both a readout and a metric for conv3_1"),
        (_set("metric.conv4_2.factor", torch.ones(11, 11)), "lacks metric.conv4_2.width"),
        (_set("metric.conv4_2.width", torch.tensor(9)), "lacks metric.conv4_2.factor"),
        (_set("metric.conv5_2.width", torch.tensor(9)), "lacks conv5_2.weight"),
        (_set("conv4_1.bias", torch.full((10,), torch.nan)), "infinite or not a number"),
        (_set("conv4_1.bias", torch.full((10,), -torch.inf)), "infinite or not a number"),
    ],
)
def test_a_wrong_network_is_refused_with_the_tensor_named(
    network: Path, change: Change, said: str
) -> None:
    with pytest.raises(WeightsError) as caught:
        load_weights(rewrite(network, change))
    assert said in str(caught.value)
    assert str(network) in caught.value.problem


def test_missing_weights_are_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="There are no weights at"):
        load_weights(tmp_path / "none.safetensors")


@pytest.mark.parametrize("content", [b"", b"{", b"a text of more than nine bytes", bytes(4096)])
def test_what_is_not_safetensors_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="not a safetensors file"):
        load_weights(path)


def test_a_folder_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(NstdError, match="directory"):
        load_weights(tmp_path)


@pytest.mark.parametrize("kept", [0.01, 0.5, 0.99])
def test_a_cut_off_file_is_refused(network: Path, kept: float) -> None:
    data = network.read_bytes()
    network.write_bytes(data[: int(kept * len(data))])
    with pytest.raises(WeightsError, match=r"cut off|damaged"):
        load_weights(network)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_pytorch_file_is_not_loaded_but_import_is_named(tmp_path: Path, legacy: bool) -> None:
    path = make_torchvision_vgg19(tmp_path / "vgg.pth", widths=WIDTHS, legacy=legacy)
    with pytest.raises(WeightsError) as caught:
        load_weights(path)
    assert f"`nstd weights import {path}`" in caught.value.remedy


# --- saving ------------------------------------------------------------------------------------


def test_saved_weights_load_unchanged_and_the_same_weights_are_the_same_bytes(
    network: Path, tmp_path: Path
) -> None:
    tensors = load_weights(network).tensors
    metadata = {key: f"value of {key} – ünïcode" for key in "abcdefgh"}
    copies = [tmp_path / "1.safetensors", tmp_path / "2.safetensors"]
    for copy in copies:
        save_weights(tensors, copy, metadata)
    assert copies[0].read_bytes() == copies[1].read_bytes()
    loaded = load_weights(copies[0])
    assert loaded.metadata.items() > metadata.items()
    assert all(torch.equal(loaded.tensors[name], tensors[name]) for name in tensors)
    assert safetensors.torch.load_file(copies[0]).keys() == tensors.keys()  # any reader's file


def test_any_flipped_bit_of_the_weights_is_found(network: Path, tmp_path: Path) -> None:
    path = tmp_path / "saved.safetensors"
    save_weights(load_weights(network).tensors, path, {})
    sound = path.read_bytes()
    header = 8 + int.from_bytes(sound[:8], "little")
    for position in range(header, len(sound), (len(sound) - header) // 7):
        path.write_bytes(sound[:position] + bytes([sound[position] ^ 1]) + sound[position + 1 :])
        with pytest.raises(WeightsError, match="not those it was written with"):
            load_weights(path)
    path.write_bytes(sound)
    assert load_weights(path).metadata["format_version"] == "1"


def test_a_full_disk_leaves_the_old_file_and_no_part(
    network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "saved.safetensors"
    tensors = load_weights(network).tensors
    save_weights(tensors, path, {})
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(DiskFullError):
            save_weights(tensors, path, {"other": "metadata"})
    assert path.read_bytes() == before
    assert not list(tmp_path.glob("*.part"))


def test_what_is_no_network_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="lacks preprocess"):
        save_weights({}, tmp_path / "x.safetensors", {})
    assert not list(tmp_path.iterdir())


# --- names -------------------------------------------------------------------------------------


def test_a_missing_vgg19_names_the_command_that_gets_it(cache: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        find_weights("vgg19", cache)
    assert "nstd weights fetch vgg19" in caught.value.remedy
    assert "nstd weights import" in caught.value.remedy


def test_an_unknown_name_is_answered_with_the_nearest(network: Path, cache: Path) -> None:
    import_weights(network, cache, name="portrait")
    with pytest.raises(WeightsError, match="nearest known name is portrait"):
        find_weights("potrait", cache)
    with pytest.raises(WeightsError, match="nearest known name is vgg19"):
        find_weights("vgg16", cache)
    with pytest.raises(WeightsError, match="Known are pocket, portrait, vgg19"):
        find_weights("qqqqq", cache)


def test_a_shipped_network_is_found_and_its_name_is_reserved(
    network: Path, torchvision_file: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "_SHIPPED", network.parent)
    monkeypatch.setitem(catalog.SHIPPED_SHA256, "network", file_sha256(network))
    assert find_weights("network", cache) == network
    assert [entry.name for entry in list_weights(cache)] == ["network", "raft", "vgg19"]
    with pytest.raises(WeightsError, match="comes with nstd"):
        import_weights(torchvision_file, cache, name="network", layout="torchvision")


def test_a_shipped_network_that_is_not_as_it_was_shipped_is_refused(
    network: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "_SHIPPED", network.parent)
    monkeypatch.setitem(catalog.SHIPPED_SHA256, "network", file_sha256(network))
    rewrite(network, _set("conv1_1.bias", torch.ones(4)))  # sound in itself
    with pytest.raises(WeightsError, match="network of this installation is damaged") as caught:
        find_weights("network", cache)
    assert caught.value.remedy == "Install nstd again"
    entry = list_weights(cache)[0]
    assert (entry.state, entry.remedy) == ("damaged", "Install nstd again")


def test_a_shipped_network_that_is_gone_is_said_to_be_damage(
    cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(catalog, "_SHIPPED", tmp_path / "nothing is here")
    for name in ("pocket", "auto"):
        with pytest.raises(WeightsError, match="pocket of this installation is damaged"):
            choose_network(name, cache, gpu=False)


def test_auto_is_vgg19_only_where_it_is_at_hand_and_there_is_a_gpu(
    network: Path, torchvision_file: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pocket = network.rename(network.with_name("pocket.safetensors"))
    monkeypatch.setattr(catalog, "_SHIPPED", pocket.parent)
    monkeypatch.setitem(catalog.SHIPPED_SHA256, "pocket", file_sha256(pocket))

    def chosen(*, gpu: bool) -> tuple[str, Path, str]:
        choice = choose_network("auto", cache, gpu=gpu)
        return choice.name, choice.path, choice.reason

    assert chosen(gpu=False) == ("pocket", pocket, "painting runs on the CPU")
    assert chosen(gpu=True) == ("pocket", pocket, "the weights of vgg19 are not here")
    vgg19 = import_weights(torchvision_file, cache, name="vgg19", layout="torchvision")
    assert chosen(gpu=False) == ("pocket", pocket, "painting runs on the CPU")
    assert chosen(gpu=True) == ("vgg19", vgg19, "its weights are here, and there is a GPU")


def test_a_network_that_is_named_is_taken_whatever_there_is(
    network: Path, torchvision_file: Path, cache: Path
) -> None:
    vgg19 = import_weights(torchvision_file, cache, name="vgg19", layout="torchvision")
    for gpu in (False, True):
        assert choose_network("vgg19", cache, gpu=gpu) == ChosenNetwork("vgg19", vgg19)
        assert choose_network(str(network), cache, gpu=gpu) == ChosenNetwork(str(network), network)
    with pytest.raises(WeightsError, match="no network called potato"):
        choose_network("potato", cache, gpu=True)


def test_auto_is_no_network_s_own_name(network: Path, cache: Path) -> None:
    with pytest.raises(UsageError, match="'auto' cannot be a network's name"):
        import_weights(network, cache, name="auto")


def test_the_list_tells_present_absent_and_damaged_apart(
    network: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(catalog, "_SHIPPED", tmp_path / "nothing ships")
    absent = list_weights(cache)
    assert [(entry.name, entry.state, entry.path) for entry in absent] == [
        ("raft", "absent", None),
        ("vgg19", "absent", None),
    ]
    assert [entry.remedy for entry in absent] == [
        "`nstd weights fetch raft` gets it",
        "`nstd weights fetch vgg19` gets it",
    ]
    sound = import_weights(network, cache, name="sound")
    broken = import_weights(network, cache, name="broken")
    broken.write_bytes(broken.read_bytes()[:-1])
    entries = {entry.name: entry for entry in list_weights(cache)}
    assert list(entries) == ["broken", "raft", "sound", "vgg19"]
    assert entries["broken"].state == "damaged"
    assert entries["broken"].sha256 is None
    assert "broken.safetensors" in entries["broken"].problem
    assert entries["sound"].state == "present"
    assert entries["sound"].sha256 == file_sha256(sound)
    assert entries["sound"].bytes == sound.stat().st_size
    assert entries["sound"].layers == LAYERS[:13]
    assert entries["sound"].widths == (4, 4, 6, 6, 8, 8, 8, 8, 10, 10, 10, 10, 12)


def test_verify_takes_names_and_paths_and_raises_on_damage(network: Path, cache: Path) -> None:
    path = import_weights(network, cache, name="mine")
    assert verify_weights("mine", cache) == verify_weights(path, cache)
    assert verify_weights(str(path), cache).state == "present"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="damaged"):
        verify_weights("mine", cache)
    with pytest.raises(WeightsError, match="There are no weights at"):
        verify_weights("none.safetensors", cache)


# --- fetching, without a network ---------------------------------------------------------------


def test_a_torchvision_that_cannot_be_imported_is_explained(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    with pytest.raises(WeightsError) as caught:
        fetch_vgg19(cache)
    assert "torchvision" in caught.value.problem
    assert "matching versions" in caught.value.remedy
    assert "nstd weights import" in caught.value.remedy


def test_a_vgg19_that_is_there_is_not_fetched_again(
    torchvision_file: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = import_weights(torchvision_file, cache, name="vgg19", layout="torchvision")
    monkeypatch.setitem(sys.modules, "torchvision.models", None)  # asked nothing
    assert fetch_vgg19(cache, url="http://127.0.0.1:1/vgg19.pth") == path
