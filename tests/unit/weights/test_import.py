"""Imports of weights: three conventions compute the same, and no code in a file is ever run."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch

from nstd.errors import BusyError, NstdError, UsageError, WeightsError
from nstd.files import file_sha256
from nstd.weights import catalog, convert
from nstd.weights.canonical import load_weights
from nstd.weights.convert import KeyLayout, import_weights
from nstd.weights.file import LAYERS
from tests.networks import (
    activations,
    make_gatys,
    make_jcjohnson,
    make_torchvision_vgg19,
    torchvision_activations,
)
from tests.unit.weights.conftest import WIDTHS


def test_imports_of_one_network_in_three_conventions_compute_the_same(
    torchvision_file: Path, tmp_path: Path, cache: Path
) -> None:
    files: dict[KeyLayout, Path] = {
        "torchvision": torchvision_file,
        "gatys": make_gatys(tmp_path / "gatys.pth", torchvision_file),
        "jcjohnson": make_jcjohnson(tmp_path / "jcjohnson.pth", torchvision_file),
    }
    image = torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(1))
    state = torch.load(torchvision_file, weights_only=True)
    expected = torchvision_activations(state, image)
    for layout, file in files.items():
        path = import_weights(file, cache, layout=layout)
        found = activations(load_weights(path).tensors, image)
        assert list(found) == list(LAYERS[:13])
        for layer, values in found.items():
            assert expected[layer].std() > 0.1  # alive, or equality would mean nothing
            # float32 through at most thirteen layers, values of order 1
            torch.testing.assert_close(values, expected[layer], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_every_container_of_a_state_dict_gives_the_same_network(
    tmp_path: Path, cache: Path, kind: str
) -> None:
    source = make_torchvision_vgg19(tmp_path / "tv.pth", widths=WIDTHS, legacy=kind == "legacy")
    state = torch.load(source, weights_only=True)
    if kind == "safetensors":
        source = tmp_path / "tv.safetensors"
        safetensors.torch.save_file(state, source)
    tensors = load_weights(import_weights(source, cache, layout="torchvision")).tensors
    assert torch.equal(tensors["conv1_1.weight"], state["features.0.weight"])
    assert torch.equal(tensors["conv4_2.bias"], state["features.21.bias"])
    assert torch.equal(tensors["conv5_1.weight"], state["features.28.weight"])
    assert not any(name.startswith(("conv5_2", "classifier")) for name in tensors)


def test_an_import_says_where_it_comes_from(torchvision_file: Path, cache: Path) -> None:
    metadata = load_weights(import_weights(torchvision_file, cache, layout="torchvision")).metadata
    assert metadata["layout"] == "torchvision"
    assert metadata["imported_from"] == "tv.pth"
    assert metadata["source_sha256"] == file_sha256(torchvision_file)
    assert "0.485" in metadata["normalization"]
    assert metadata["format_version"] == "1"


def test_nstds_own_files_are_recognized_and_keep_their_provenance(
    network: Path, cache: Path
) -> None:
    imported = load_weights(import_weights(network, cache, name="mine"))
    original = load_weights(network)
    assert imported.path == cache / "weights" / "mine.safetensors"
    assert imported.metadata["source"] == "random, seed 0"
    assert imported.metadata["layout"] == "nstd"
    assert imported.tensors.keys() == original.tensors.keys()
    assert all(torch.equal(imported.tensors[n], original.tensors[n]) for n in original.tensors)


def test_a_file_known_by_its_hash_needs_no_layout(
    torchvision_file: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = file_sha256(torchvision_file)[:8]
    monkeypatch.setattr(convert, "KNOWN_HASHES", {prefix: "torchvision"})
    path = import_weights(torchvision_file, cache)
    assert path == cache / "weights" / "vgg19.safetensors"
    with pytest.raises(WeightsError, match="known file of layout torchvision, not jcjohnson"):
        import_weights(torchvision_file, cache, layout="jcjohnson")


@pytest.mark.parametrize("name", ["tv.pth", "vgg19-d01eb7cb.pth"])
def test_a_file_not_known_asks_for_its_layout_and_says_why(
    tmp_path: Path, cache: Path, name: str
) -> None:
    # The second is what neural-style-pt's download script leaves: jcjohnson's name, another hash.
    source = make_torchvision_vgg19(tmp_path / name, widths=WIDTHS)
    with pytest.raises(WeightsError) as caught:
        import_weights(source, cache)
    assert "order of channels" in caught.value.problem
    assert "--layout" in caught.value.remedy
    assert ("perhaps jcjohnson" in caught.value.problem) == (name != "tv.pth")


def test_an_impossible_layout_or_name_is_a_usage_error(torchvision_file: Path, cache: Path) -> None:
    with pytest.raises(UsageError, match="no layout keras"):
        import_weights(torchvision_file, cache, layout="keras")  # type: ignore[arg-type]
    for name in ("", "a.b", "../up", "-x"):
        with pytest.raises(UsageError, match="cannot be a network's name"):
            import_weights(torchvision_file, cache, layout="torchvision", name=name)


def test_a_wrong_layout_is_refused_by_its_names(torchvision_file: Path, cache: Path) -> None:
    with pytest.raises(WeightsError, match="no tensors with the names of layout gatys"):
        import_weights(torchvision_file, cache, layout="gatys")
    with pytest.raises(WeightsError, match="no part of nstd's networks"):
        import_weights(torchvision_file, cache, layout="nstd")


@pytest.mark.parametrize("strange", ["features.17.weight", "features.1.running_mean"])
def test_other_networks_of_the_family_are_refused(
    torchvision_file: Path, cache: Path, strange: str
) -> None:
    state = torch.load(torchvision_file, weights_only=True)
    torch.save({**state, strange: torch.ones(1)}, torchvision_file)
    with pytest.raises(WeightsError, match=f"{strange} is no convolution of VGG-19"):
        import_weights(torchvision_file, cache, layout="torchvision")


def test_an_incomplete_network_is_refused_and_nothing_is_left(
    torchvision_file: Path, cache: Path
) -> None:
    state = torch.load(torchvision_file, weights_only=True)
    del state["features.10.weight"]
    torch.save(state, torchvision_file)
    with pytest.raises(WeightsError, match=r"lacks conv3_1\.weight"):
        import_weights(torchvision_file, cache, layout="torchvision")
    assert [path.name for path in (cache / "weights").iterdir()] == [".lock"]


class _Trap:
    """Creates a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("kind", ["zip", "legacy", "pickle"])
def test_code_in_a_pickle_is_never_run(tmp_path: Path, cache: Path, kind: str) -> None:
    sprung, source = tmp_path / "sprung", tmp_path / "evil.pth"
    state = {"features.0.weight": torch.ones(4, 3, 3, 3), "trap": _Trap(sprung)}
    if kind == "pickle":
        source.write_bytes(pickle.dumps(_Trap(sprung)))
    else:
        torch.save(state, source, _use_new_zipfile_serialization=kind == "zip")
    with pytest.raises(WeightsError, match="nothing in it was executed"):
        import_weights(source, cache, layout="torchvision")
    with pytest.raises(WeightsError):
        load_weights(source)
    assert not sprung.exists()
    if kind != "pickle":  # the trap is a real one
        torch.load(source, weights_only=False)
        assert sprung.exists()


def test_arbitrary_damage_to_a_pytorch_file_is_a_sentence(tmp_path: Path, cache: Path) -> None:
    generator = torch.Generator().manual_seed(0)

    def draw(below: int) -> int:
        return int(torch.randint(below, (1,), generator=generator))

    refused = 0
    for legacy in (False, True):
        source = make_torchvision_vgg19(tmp_path / "x.pth", widths=(1, 1, 1, 1, 1), legacy=legacy)
        sound = source.read_bytes()
        for _ in range(150):
            data = bytearray(sound)
            for _ in range(4):
                data[draw(min(3000, len(data)))] = draw(256)
            source.write_bytes(data[: draw(len(data)) if draw(3) == 0 else None])
            try:  # any other error fails the test
                import_weights(source, cache, name=f"n{draw(10**9)}", layout="torchvision")
            except NstdError:
                refused += 1
    assert refused > 100  # of 300; the others happened to damage numbers or the classifier


def test_what_is_not_a_state_dict_is_refused(tmp_path: Path, cache: Path) -> None:
    source = tmp_path / "list.pth"
    torch.save([torch.ones(3)], source)
    with pytest.raises(WeightsError, match="holds a list, not tensors by name"):
        import_weights(source, cache, layout="torchvision")
    with pytest.raises(WeightsError, match="There are no weights at"):
        import_weights(tmp_path / "none.pth", cache, layout="torchvision")


def test_importing_again_is_harmless_but_another_network_is_not_replaced(
    torchvision_file: Path, tmp_path: Path, cache: Path
) -> None:
    path = import_weights(torchvision_file, cache, name="mine", layout="torchvision")
    before = path.read_bytes()
    assert import_weights(torchvision_file, cache, name="mine", layout="torchvision") == path
    other = make_torchvision_vgg19(tmp_path / "other.pth", seed=1, widths=WIDTHS)
    with pytest.raises(WeightsError, match="another network called mine already"):
        import_weights(other, cache, name="mine", layout="torchvision")
    assert path.read_bytes() == before


def test_a_damaged_network_is_replaced_by_importing_it_again(
    torchvision_file: Path, cache: Path
) -> None:
    path = import_weights(torchvision_file, cache, layout="torchvision")
    sound = path.read_bytes()
    path.write_bytes(sound[:-5])
    import_weights(torchvision_file, cache, layout="torchvision")
    assert path.read_bytes() == sound


def test_the_folder_is_written_by_one_at_a_time(torchvision_file: Path, cache: Path) -> None:
    with (
        catalog.writing(cache),
        pytest.raises(BusyError, match="Another nstd is fetching or importing"),
    ):
        import_weights(torchvision_file, cache, layout="torchvision")
    import_weights(torchvision_file, cache, layout="torchvision")
