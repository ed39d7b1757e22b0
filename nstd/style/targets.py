"""The targets of the losses: the style's statistics and the frame's own content.

The style's statistics are computed once for each image, level and network, and cached; see
`style_target`.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from nstd.style.canvas import ImageBatch, ImageTensor, resize_to_edge
from nstd.style.device import processor_of
from nstd.style.ladder import SHORTEST_EDGE_PX
from nstd.style.losses import feature_energy, second_moment, squared_moment_norm
from nstd.style.network import Network
from nstd.style.recipe import StyleRecipe

CACHE_FORMAT = 2
"""Raised when what is stored under a key changes its meaning or its last digits."""

ENERGY_FLOOR = 0.25
"""The content term is divided by the content's energy, but never by less than this share of the
style image's: a film that fades in from black would otherwise stay unpainted to its end."""


@runtime_checkable
class TensorStore(Protocol):
    """Where tensors are kept by key; `nstd.cache.TensorCache` keeps them on disk."""

    def get(self, key: str) -> dict[str, Tensor] | None:
        """The tensors stored under `key`, or None."""
        ...

    def put(self, key: str, tensors: Mapping[str, Tensor]) -> None:
        """Keep `tensors` under `key`."""
        ...


class MemoryStore:
    """A `TensorStore` in memory, before another one behind it, if any.

    Args:
        behind: Asked for what is not here, and told what is put.
        most: How many keys are kept; the least recently used one is dropped. Photographs of any
            size ask for statistics at any long edge.
    """

    def __init__(self, behind: TensorStore | None = None, most: int = 64) -> None:
        self._kept: dict[str, dict[str, Tensor]] = {}
        self._behind = behind
        self._most = most

    def get(self, key: str) -> dict[str, Tensor] | None:
        """The tensors stored under `key`, here or behind, or None."""
        if key not in self._kept and self._behind is not None:
            found = self._behind.get(key)
            if found is not None:
                self._keep(key, found)
        found = self._kept.pop(key, None)
        if found is not None:
            self._kept[key] = found  # at the end again: used last
        return found

    def put(self, key: str, tensors: Mapping[str, Tensor]) -> None:
        """Keep `tensors` under `key`, here and behind."""
        self._keep(key, dict(tensors))
        if self._behind is not None:
            self._behind.put(key, tensors)

    def _keep(self, key: str, tensors: dict[str, Tensor]) -> None:
        self._kept[key] = tensors
        while len(self._kept) > self._most:
            del self._kept[next(iter(self._kept))]


@dataclass(frozen=True, slots=True, eq=False)
class StyleImage:
    """A style image, decoded.

    Attributes:
        image: float32 `[1, 3, height, width]`, sRGB in [0, 1].
        sha256: Hash of the file it came from; part of the cache's key.
        weight: Share in the blend.
        scale: Factor of the level's long edge at which it is looked at.
    """

    image: ImageTensor
    sha256: str
    weight: float = 1.0
    scale: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class StyleTarget:
    """The style at one level.

    Attributes:
        moments: For each style layer G/M `[N̂, N̂]`, float32 or better.
        norms: For each style layer ‖G/M‖² in the full network's space, a scalar.
        energy: Mean squared activation at the content layer, a scalar; see `ENERGY_FLOOR`.
    """

    moments: dict[str, Tensor]
    norms: dict[str, Tensor]
    energy: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class ContentTarget:
    """The content of frames at one level.

    Attributes:
        images: The frames themselves, `[batch, 3, height, width]` in [0, 1].
        features: Activations at the content layer `[batch, N, height, width]`.
        energy: Mean squared activation that the relative form divides by, `[batch]`.
    """

    images: Tensor
    features: Tensor
    energy: Tensor


def style_target(
    styles: Sequence[StyleImage],
    long_edge: int,
    network: Network,
    weights_sha256: str,
    recipe: StyleRecipe,
    store: TensorStore,
) -> StyleTarget:
    """The blended statistics of `styles` for a level of `long_edge` pixels.

    The second moments of several style images are blended, not their losses: the aim is one picture
    that has all of these styles, not a compromise between pictures.

    Args:
        styles: At least one.
        long_edge: Of the level, in pixels.
        network: On the device to compute on.
        weights_sha256: Hash of the network's weights; part of the cache's key.
        recipe: For its layers, pooling and padding.
        store: Where statistics of single images are kept.
    """
    shares = torch.tensor([style.weight for style in styles], dtype=torch.float64)
    shares = shares / shares.sum()
    moments: dict[str, Tensor] = {}
    energy = torch.zeros((), dtype=torch.float64)
    for share, style in zip(shares.tolist(), styles, strict=True):
        edge = round(long_edge * style.scale)
        one = _statistics(style, edge, network, weights_sha256, recipe, store)
        for layer in recipe.style_layers:
            part = one[layer] * share
            moments[layer] = moments[layer] + part if layer in moments else part
        energy = energy + one["energy"].cpu().double() * share
    norms = {k: squared_moment_norm(m, network.metric_factor(k)) for k, m in moments.items()}
    # For a style that excites nothing: 0 divided by 0 would be no number.
    norms = {k: norm.clamp(min=torch.finfo(norm.dtype).tiny) for k, norm in norms.items()}
    dtype, device = next(iter(norms.values())).dtype, next(iter(norms.values())).device
    return StyleTarget(moments, norms, energy.to(device, dtype))


def content_target(
    frames: ImageBatch,
    network: Network,
    layer: str,
    style_energy: Tensor,
    energy: float | None = None,
) -> ContentTarget:
    """The content of frames at one level.

    Args:
        frames: `[batch, 3, height, width]` in [0, 1], at the level's size.
        network: On the device to compute on.
        layer: The content layer.
        style_energy: `StyleTarget.energy`.
        energy: The energy that is held constant over the shot; by default each frame's own.
    """
    with torch.no_grad():
        features = network.features(frames, [layer])[layer]
        if energy is None:
            own = feature_energy(features, network.metric_factor(layer))
            own = own.maximum(ENERGY_FLOOR * style_energy)
        else:
            own = style_energy.new_full((frames.shape[0],), energy)
    # For a picture that excites nothing: 0 divided by 0 would be no number.
    own = own.clamp(min=torch.finfo(own.dtype).tiny)
    exact = style_energy.dtype
    return ContentTarget(frames.to(exact), features.to(exact), own)


def target_key(
    style: StyleImage, edge: int, network: Network, weights_sha256: str, recipe: StyleRecipe
) -> str:
    """A key made of everything that the statistics of one style image depend on.

    The kind of device, torch's version and its thread count are part of it: the last digits depend
    on them, and a picture must not depend on what happened to be in a cache.
    """
    facts: dict[str, Any] = {
        "format": CACHE_FORMAT,
        "statistic": "second moment",
        "image": style.sha256,
        "edge": edge,
        "weights": weights_sha256,
        "style_layers": recipe.style_layers,
        "content_layer": recipe.content_layer,
        "pooling": recipe.pooling,
        "padding": recipe.padding,
        "dtype": str(network.dtype),
        "device": network.device.type,
        "processor": processor_of(network.device),
        "threads": torch.get_num_threads() if network.device.type == "cpu" else 0,
        "torch": torch.__version__,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _statistics(
    style: StyleImage,
    edge: int,
    network: Network,
    weights_sha256: str,
    recipe: StyleRecipe,
    store: TensorStore,
) -> dict[str, Tensor]:
    key = target_key(style, edge, network, weights_sha256, recipe)
    found = store.get(key)
    if found is None:
        found = _compute_statistics(style, edge, network, recipe)
        store.put(key, {name: tensor.cpu() for name, tensor in found.items()})
    return {name: tensor.to(network.device) for name, tensor in found.items()}


def _compute_statistics(
    style: StyleImage, edge: int, network: Network, recipe: StyleRecipe
) -> dict[str, Tensor]:
    image = style.image.to(network.device, network.dtype)
    image = resize_to_edge(image, edge, SHORTEST_EDGE_PX)
    layers = (*recipe.style_layers, recipe.content_layer)
    with torch.no_grad():
        features = network.features(image, layers)
        found = {
            layer: second_moment(
                features[layer], augmented=network.metric_factor(layer) is not None
            )[0]
            for layer in recipe.style_layers
        }
        content = features[recipe.content_layer]
        energy = feature_energy(content, network.metric_factor(recipe.content_layer))
        found["energy"] = energy[0]
    return found
