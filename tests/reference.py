"""The paper's equations, independently: NumPy, float64, one image at a time, no code of nstd.

Gatys, Ecker and Bethge 2016, equations 1 to 7; `F` is `[N, M]`, channels by positions. It is slow
and literal on purpose: the tests of `nstd.style` compare with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Weights = Mapping[str, npt.NDArray[Any]]

CONVOLUTIONS = (2, 2, 4, 4, 4)
"""Of each block of VGG-19; between blocks is a pooling."""


def content_loss(F: Array, C: Array) -> float:
    """½ Σ (F − C)²: equation 1."""
    return 0.5 * float(np.sum((F - C) ** 2))


def gram(F: Array) -> Array:
    """Σ_k F_ik F_jk: equation 3."""
    G: Array = np.einsum("ik,jk->ij", F, F)
    return G


def style_layer_loss_literal(F: Array, S: Array) -> float:
    """1 / (4 N² M²) Σ (G − A)²: equation 4 as printed, for images of one size."""
    N, M = F.shape
    assert S.shape == (N, M)
    return float(np.sum((gram(F) - gram(S)) ** 2) / (4 * N**2 * M**2))


def style_layer_loss(F: Array, S: Array) -> float:
    """Equation 4 with each Gram divided by the number of its own positions."""
    N = F.shape[0]
    return float(np.sum((gram(F) / F.shape[1] - gram(S) / S.shape[1]) ** 2) / (4 * N**2))


def style_loss(layers: Sequence[tuple[float, Array, Array]]) -> float:
    """Σ w_l E_l over (w_l, F, S): equation 5."""
    return sum(w * style_layer_loss(F, S) for w, F, S in layers)


def total_loss(content: float, style: float, alpha: float, beta: float) -> float:
    """α L_content + β L_style: equation 7."""
    return alpha * content + beta * style


def relative_content_loss(F: Array, C: Array, energy: float) -> float:
    """‖F − C‖² / ‖C‖², where `energy` = ‖C‖² / M."""
    return float(np.sum((F - C) ** 2) / (energy * F.shape[1]))


def relative_style_layer_loss(F: Array, S: Array) -> float:
    """‖G(x)/M(x) − G(S)/M(S)‖² / ‖G(S)/M(S)‖²."""
    A = gram(S) / S.shape[1]
    return float(np.sum((gram(F) / F.shape[1] - A) ** 2) / np.sum(A**2))


def energy(C: Array) -> float:
    """‖C‖² / M."""
    return float(np.sum(C**2) / C.shape[1])


def total_variation(image: Array) -> float:
    """Mean squared difference of vertical neighbors plus that of horizontal ones; `[3, H, W]`."""
    vertical = image[:, 1:, :] - image[:, :-1, :]
    horizontal = image[:, :, 1:] - image[:, :, :-1]
    return float(np.mean(vertical**2) + np.mean(horizontal**2))


def range_loss(image: Array) -> float:
    """Mean square of the excess over [0, 1]."""
    excess = np.maximum(image - 1, 0) + np.minimum(image, 0)
    return float(np.mean(excess**2))


def read_out(weights: Weights, layer: str, F: Array) -> Array:
    """A f + b at every position: the activations of the full network, if there is a readout."""
    if f"readout.{layer}.weight" not in weights:
        return F
    A = weights[f"readout.{layer}.weight"].astype(np.float64)[:, :, 0, 0]
    b = weights[f"readout.{layer}.bias"].astype(np.float64)
    mapped: Array = A @ F + b[:, None]
    return mapped


def activations(
    weights: Weights, image: Array, *, padding: str = "reflect", pooling: str = "max"
) -> dict[str, Array]:
    """Activations after each ReLU, `[N, M]` by layer, as deep as `weights` go; `[3, H, W]`."""
    x = np.einsum("oi,ihw->ohw", _wide(weights, "preprocess.weight")[:, :, 0, 0], image)
    x = x + _wide(weights, "preprocess.bias")[:, None, None]
    found: dict[str, Array] = {}
    layers = [(block, i) for block, n in enumerate(CONVOLUTIONS, 1) for i in range(1, n + 1)]
    for block, index in layers:
        layer = f"conv{block}_{index}"
        if f"{layer}.weight" not in weights:
            break
        if index == 1 and block > 1:
            x = _pool(x, pooling)
        mode: Any = {"reflect": "reflect", "replicate": "edge"}[padding]
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1)), mode=mode)
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
        x = np.einsum("oiyx,ihwyx->ohw", _wide(weights, f"{layer}.weight"), windows, optimize=True)
        x = np.maximum(x + _wide(weights, f"{layer}.bias")[:, None, None], 0)
        found[layer] = x.reshape(x.shape[0], -1)
    return found


@dataclass(frozen=True)
class Terms:
    """The terms of the objective for one image that no earlier one is warped to."""

    content: float
    style: float
    tv: float
    range: float
    total: float


def objective(
    weights: Weights, recipe: Any, image: Array, content: Array, style: Array, energy_floor: float
) -> Terms:
    """All terms of a recipe, with every readout applied at every pixel before anything else.

    Args:
        weights: Tensors by their canonical names.
        recipe: Anything with the attributes of a recipe: form, layers, weights, pooling, padding.
        image: `[3, H, W]`.
        content: `[3, H, W]`.
        style: `[3, h, w]`, at the size at which it is looked at.
        energy_floor: Share of the style's energy below which the content is not divided by less.
    """
    look = {"padding": recipe.padding, "pooling": recipe.pooling}
    found = [activations(weights, picture, **look) for picture in (image, content, style)]
    at = recipe.content_layer
    F, C, S = (read_out(weights, at, one[at]) for one in found)
    if recipe.form == "literal":
        content_term = content_loss(F, C)
    else:
        floor = energy_floor * energy(S)
        content_term = relative_content_loss(F, C, max(energy(C), floor))
    style_term = 0.0
    for layer, w in zip(recipe.style_layers, recipe.layer_weights, strict=True):
        F, S = (read_out(weights, layer, one[layer]) for one in (found[0], found[2]))
        one = style_layer_loss if recipe.form == "literal" else relative_style_layer_loss
        style_term += w * one(F, S)
    tv, excess = total_variation(image), range_loss(image)
    total = total_loss(content_term, style_term, recipe.content_weight, recipe.style_weight)
    total += recipe.tv_weight * tv + recipe.range_weight * excess
    return Terms(content_term, style_term, tv, excess, total)


def _wide(weights: Weights, name: str) -> Array:
    return weights[name].astype(np.float64)


def _pool(x: Array, pooling: str) -> Array:
    channels, height, width = x.shape
    cut = x[:, : height // 2 * 2, : width // 2 * 2]
    blocks = cut.reshape(channels, height // 2, 2, width // 2, 2)
    # Means are smaller than maxima: doubled, as in Crowson's style-transfer-pytorch.
    pooled: Array = blocks.max((2, 4)) if pooling == "max" else 2 * blocks.mean((2, 4))
    return pooled
