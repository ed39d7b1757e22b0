"""What is damaged, missing or not finite is refused or survived, and said in the tree's words."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from nstd.errors import ConfigError, DeviceError, WeightsError
from nstd.style.device import prepare
from nstd.style.devices import DeviceInfo
from nstd.style.ladder import Level
from nstd.style.minimize import LBFGS
from nstd.style.network import Network
from nstd.style.optimize import Settling, stylize_frame
from nstd.style.recipe import StyleRecipe
from tests.unit.style import tiny


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data.pop("styles"),
        lambda data: data.pop("levels"),
        lambda data: data.pop("tv_weight"),
        lambda data: data["styles"][0].update(sparkle=1),
        lambda data: data["levels"][0].update(sparkle=1),
        lambda data: data.update(levels=3),
    ],
)
def test_a_damaged_frozen_recipe_is_a_config_error(damage: Callable[[dict], object]) -> None:  # type: ignore[type-arg]
    data = StyleRecipe(styles=tiny.STYLES).to_json()
    data["styles"] = [dict(style) for style in data["styles"]]
    data["levels"] = [dict(level) for level in data["levels"]]
    damage(data)
    with pytest.raises(ConfigError):
        StyleRecipe.from_json(data)


@pytest.mark.parametrize(
    "wrong",
    [
        {"layer_weights": (math.inf,) * 5},
        {"learning_rate": math.inf},
        {"form": "x"},
        {"optimizer": "sgd"},
        {"init": "black"},
        {"pooling": "min"},
        {"padding": "zeros"},
    ],
)
def test_a_recipe_refuses_what_it_cannot_mean(wrong: dict[str, object]) -> None:
    recipe = StyleRecipe(styles=tiny.STYLES)
    for name, value in wrong.items():
        # Around beartype, which is there in tests only; at run time the recipe checks itself.
        object.__setattr__(recipe, name, value)
    with pytest.raises(ConfigError, match=next(iter(wrong)).split("_")[0]):
        recipe.__post_init__()


@pytest.mark.parametrize(
    "name", ["preprocess.weight", "preprocess.bias", "readout.conv3_1.bias", "conv2_2.bias"]
)
def test_a_missing_tensor_is_named(name: str) -> None:
    tensors = tiny.tiny_tensors(readout=True)
    del tensors[name]
    with pytest.raises(WeightsError, match=name):
        Network(tensors, deepest="conv3_1")


def test_weights_that_ask_for_gradients_give_none() -> None:
    tensors = {name: t.requires_grad_() for name, t in tiny.tiny_tensors(readout=True).items()}
    network = Network(tensors, deepest="conv3_1")
    features = network.features(torch.rand(1, 3, 32, 32), ["conv3_1"])
    assert not features["conv3_1"].requires_grad


def test_a_device_that_does_not_answer_is_a_device_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> torch.Tensor:
        raise RuntimeError("Found no driver on your system")

    monkeypatch.setattr(torch, "ones", fail)
    with pytest.raises(DeviceError, match="Found no driver"):
        prepare(DeviceInfo("cuda:0", "Card", 1, "x"), torch.get_num_threads())


def test_a_loss_that_is_no_number_does_not_settle_a_frame() -> None:
    settling = Settling(1e-4, 3)
    losses = (5.0, 4.0, 3.0, math.nan, 3.5, 2.0)
    assert [settling.after(loss) for loss in losses] == [False] * 6


def test_a_loss_of_zero_settles() -> None:
    settling = Settling(1e-4, 3)
    assert [settling.after(0.0) for _ in range(4)] == [False, False, False, True]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"content_weight": 1e30, "init": "noise"},
            "no finite gradient, most of all by content_weight, which is 1e+30",
        ),
        ({"style_weight": 1e300}, "its loss is inf, most of it by style_weight, which is 1e+300"),
        ({"layer_weights": (0.0, 1e300, 0.0)}, "by layer_weights, which is 1e+300. Give layer_w"),
        ({"tv_weight": 1e30}, "most of all by tv_weight, which is 1e+30. Give tv_weight a smaller"),
        ({"range_weight": 1e300}, "its loss is nan, most of it by range_weight, which is 1e+300"),
        (
            {"optimizer": "adam", "learning_rate": 1e30},
            "its loss is no number any more, by a learning_rate of 1e+30. Give learning_rate a",
        ),
    ],
)
def test_a_recipe_that_overflows_says_by_which_key(change: dict[str, Any], sentence: str) -> None:
    look = tiny.recipe(levels=(Level(32, 4),), **(tiny.SHALLOW | change))
    painter = tiny.painter(look, dtype=torch.float32)
    with pytest.raises(ConfigError) as caught:
        list(stylize_frame(painter, torch.rand(1, 3, 32, 32)))
    assert sentence in str(caught.value)


@pytest.mark.parametrize("gradient", [math.nan, math.inf, 1.0])
def test_a_first_loss_that_is_not_finite_leaves_the_picture(gradient: float) -> None:
    start = torch.ones(3, 2, 2)
    minimizer = LBFGS(start)
    for _ in range(12):
        loss = math.inf if gradient == 1.0 else 1.0
        assert not minimizer.tell(loss, torch.full((3, 2, 2), gradient))
        assert torch.equal(minimizer.point, start)
    assert torch.equal(minimizer.best, start)
