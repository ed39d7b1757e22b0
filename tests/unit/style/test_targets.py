"""Targets: blends of styles, what the cache's key depends on, and sizes."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from nstd.style.canvas import resize, resize_to_edge
from nstd.style.network import Network
from nstd.style.recipe import StyleRecipe
from nstd.style.targets import (
    MemoryStore,
    StyleImage,
    StyleTarget,
    TensorStore,
    content_target,
    style_target,
    target_key,
)
from tests import reference
from tests.unit.style import tiny

ONE = StyleImage(tiny.picture(1, 32, 48).float(), "hash of one")
TWO = StyleImage(tiny.picture(2, 40, 36).float(), "hash of two")


class CountingStore(MemoryStore):
    """A store that remembers what it was asked for and given."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.given: list[str] = []

    def get(self, key: str) -> dict[str, Tensor] | None:
        self.asked.append(key)
        return super().get(key)

    def put(self, key: str, tensors: Mapping[str, Tensor]) -> None:
        self.given.append(key)
        super().put(key, tensors)


@pytest.fixture(params=[False, True], ids=["own space", "metric"])
def net(request: pytest.FixtureRequest) -> Network:
    return tiny.network(tiny.tiny_tensors(readout=request.param), tiny.recipe())


def target(
    net: Network,
    *styles: StyleImage,
    edge: int = 48,
    store: TensorStore | None = None,
    recipe: StyleRecipe | None = None,
) -> StyleTarget:
    look = recipe or tiny.recipe()
    return style_target(styles, edge, net, "weights", look, store or MemoryStore())


def equal(one: StyleTarget, other: StyleTarget) -> bool:
    return (
        one.moments.keys() == other.moments.keys()
        and all(torch.equal(one.moments[k], other.moments[k]) for k in one.moments)
        and all(torch.equal(one.norms[k], other.norms[k]) for k in one.norms)
        and torch.equal(one.energy, other.energy)
    )


def test_the_statistics_of_one_image_are_the_reference_s() -> None:
    tensors = tiny.tiny_tensors(readout=True)
    net = tiny.network(tensors, tiny.recipe())
    found = target(net, ONE)
    arrays = tiny.arrays(tensors)
    expected = reference.activations(arrays, ONE.image[0].double().numpy())
    for layer in tiny.recipe().style_layers:
        mapped = reference.read_out(arrays, layer, expected[layer])
        norm = float(((reference.gram(mapped) / mapped.shape[1]) ** 2).sum())
        assert float(found.norms[layer]) == pytest.approx(norm, rel=1e-10)  # float64 twice
    mapped = reference.read_out(arrays, "conv4_2", expected["conv4_2"])
    assert float(found.energy) == pytest.approx(reference.energy(mapped), rel=1e-10)


def test_styles_are_blended_by_moments_and_shares(net: Network) -> None:
    one, two = target(net, ONE), target(net, TWO)
    blend = target(net, replace(ONE, weight=3.0), replace(TWO, weight=1.0))
    for layer, moment in blend.moments.items():
        expected = 0.75 * one.moments[layer] + 0.25 * two.moments[layer]
        torch.testing.assert_close(moment, expected, rtol=1e-14, atol=1e-14)
        # The norm is that of the blend: smaller than the blend of norms, by convexity.
        assert blend.norms[layer] < 0.75 * one.norms[layer] + 0.25 * two.norms[layer]
    expected_energy = 0.75 * one.energy + 0.25 * two.energy
    torch.testing.assert_close(blend.energy, expected_energy, rtol=1e-14, atol=0)


def test_a_style_s_scale_is_a_factor_of_the_level(net: Network) -> None:
    scaled = target(net, replace(ONE, scale=0.75), edge=64)
    assert equal(scaled, target(net, ONE, edge=48))
    assert not equal(scaled, target(net, ONE, edge=64))


def test_a_cached_target_is_the_computed_one_to_the_bit(net: Network) -> None:
    store = CountingStore()
    styles = (ONE, replace(TWO, weight=0.3))
    computed = target(net, *styles, store=store)
    assert (len(store.asked), len(store.given)) == (2, 2)
    cached = target(net, *styles, store=store)
    assert (len(store.asked), len(store.given)) == (4, 2)
    assert equal(computed, cached)
    assert equal(computed, target(net, *styles))


def test_another_blend_of_known_images_computes_nothing_new(net: Network) -> None:
    store = CountingStore()
    target(net, ONE, TWO, store=store)
    target(net, replace(TWO, weight=9.0), ONE, store=store)
    assert len(store.given) == 2


def key(
    style: StyleImage = ONE,
    edge: int = 48,
    weights: str = "weights",
    dtype: torch.dtype = torch.float32,
    **changes: Any,
) -> str:
    look = tiny.recipe(**changes)
    return target_key(style, edge, tiny.network(tiny.tiny_tensors(), look, dtype), weights, look)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(lambda: key(TWO), id="image"),
        pytest.param(lambda: key(edge=49), id="edge"),
        pytest.param(lambda: key(weights="others"), id="weights"),
        pytest.param(lambda: key(content_layer="conv4_1"), id="content layer"),
        pytest.param(
            lambda: key(style_layers=("conv1_1",), layer_weights=(1.0,)), id="style layers"
        ),
        pytest.param(lambda: key(pooling="average"), id="pooling"),
        pytest.param(lambda: key(padding="replicate"), id="padding"),
        pytest.param(lambda: key(dtype=torch.float64), id="dtype"),
    ],
)
def test_the_key_changes_with_all_that_the_statistics_depend_on(other: Callable[[], str]) -> None:
    assert other() != key()


@pytest.mark.parametrize("where", ["threads", "torch", "format"])
def test_the_key_changes_with_what_the_last_digits_depend_on(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = key()
    if where == "threads":
        monkeypatch.setattr(torch, "get_num_threads", lambda: 97)
    elif where == "torch":
        monkeypatch.setattr(torch, "__version__", "0.0.1")
    else:
        monkeypatch.setattr("nstd.style.targets.CACHE_FORMAT", 10**6)
    assert key() != before


def test_a_scaled_style_is_kept_under_the_size_it_is_looked_at(net: Network) -> None:
    store = CountingStore()
    target(net, replace(ONE, scale=0.5), edge=96, store=store)
    target(net, ONE, edge=48, store=store)
    target(net, replace(ONE, scale=0.5), edge=48, store=store)
    assert store.asked[0] == store.asked[1] != store.asked[2]


def test_a_memory_store_asks_the_one_behind_it_once() -> None:
    behind = CountingStore()
    behind.put("known", {"x": torch.tensor(1.0)})
    front = MemoryStore(behind)
    assert front.get("unknown") is None
    for _ in range(3):
        found = front.get("known")
        assert found is not None
        assert torch.equal(found["x"], torch.tensor(1.0))
    assert behind.asked == ["unknown", "known"]


def test_a_black_frame_is_measured_by_a_share_of_the_style_s_energy() -> None:
    tensors = tiny.tiny_tensors()
    for name in tensors:
        if name.endswith("bias"):
            tensors[name] = torch.zeros_like(tensors[name])
    net = tiny.network(tensors, tiny.recipe())
    style_energy = torch.tensor(8.0, dtype=torch.float64)
    frames = torch.cat([torch.zeros((1, 3, 32, 32)), 1e3 * tiny.picture(3, 32, 32)]).double()
    found = content_target(frames, net, "conv4_2", style_energy)
    assert float(found.features[0].abs().max()) == 0
    assert float(found.energy[0]) == 0.25 * 8
    assert float(found.energy[1]) > 2  # a bright frame keeps its own


def test_resizing_to_the_same_size_is_nothing_at_all() -> None:
    image = tiny.picture(0, 20, 30, low=-0.5, high=1.5)
    assert resize(image, 30, 20) is image


@pytest.mark.parametrize("size", [(15, 10), (60, 40), (31, 20)])
def test_resizing_stays_in_range_and_keeps_the_color(size: tuple[int, int]) -> None:
    sharp = (tiny.picture(0, 20, 30) > 0.5).double()  # bicubic interpolation overshoots here
    found = resize(sharp, *size)
    assert found.shape == (1, 3, size[1], size[0])
    assert float(found.amin()) >= 0
    assert float(found.amax()) <= 1
    flat = torch.full((1, 3, 20, 30), 0.3, dtype=torch.float64)
    # Weights of an interpolation sum to one, in float64.
    torch.testing.assert_close(
        resize(flat, *size), flat.new_full(found.shape, 0.3), atol=1e-12, rtol=0
    )


def test_shrinking_does_not_alias() -> None:
    stripes = torch.zeros((1, 3, 64, 64), dtype=torch.float64)
    stripes[..., ::2] = 1
    # Without a low-pass filter stripes of one pixel would come out all 0 or 1, or as false
    # stripes; with one, gray up to the filter's leakage.
    assert float((resize(stripes, 16, 16) - 0.5).abs().max()) < 0.1


@pytest.mark.parametrize(
    ("size", "edge", "expected"),
    [
        ((40, 80), 40, (20, 40)),
        ((80, 40), 120, (120, 60)),
        ((40, 80), 100, (50, 100)),
        ((33, 100), 10, (16, 48)),  # the short edge decides
    ],
)
def test_a_style_is_looked_at_with_its_long_edge_at_the_level_s(
    size: tuple[int, int], edge: int, expected: tuple[int, int]
) -> None:
    assert tuple(resize_to_edge(tiny.picture(0, *size), edge, 16).shape[2:]) == expected


def test_of_a_picture_that_excites_nothing_the_content_loss_is_nothing() -> None:
    """Also where the style excites nothing there: 0 by 0 is no number."""
    tensors = tiny.tiny_tensors()
    tensors["conv2_2.weight"] = torch.zeros_like(tensors["conv2_2.weight"])
    tensors["conv2_2.bias"] = torch.zeros_like(tensors["conv2_2.bias"])
    look = tiny.recipe(**tiny.SHALLOW)
    content, style = tiny.picture(1, 16, 16), tiny.picture(2, 16, 16)
    found = tiny.objective(tensors, look, content, style)(content)
    assert float(found.terms["content"]) == 0
    assert math.isfinite(float(found.total))
