"""RAFT: torchvision's own flow from torchvision's own kind of file; no file of another kind."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision.models.optical_flow import raft_large, raft_small

from nstd.errors import VanishedError, WeightsError
from nstd.flow.raft import Raft
from tests.scenes import scene

ONE = scene(128, 136, square=(3, 2), wall=(1, 0))


def network(make: Any, seed: int = 0) -> Any:
    """A random network as torchvision makes it."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make(weights=None).eval()


def saved(folder: Path, name: str, content: Any) -> Path:
    """`content` in a file named as torchvision does, with the begin of its own hash."""
    plain = folder / "plain.pth"
    torch.save(content, plain)
    digest = hashlib.sha256(plain.read_bytes()).hexdigest()
    return plain.rename(folder / f"{name}-{digest[:8]}.pth")


@pytest.mark.parametrize(
    ("make", "name"), [(raft_small, "raft_small_C_T_V2"), (raft_large, "raft_large_C_T_SKHT_V2")]
)
def test_the_flow_is_torchvision_s_both_ways(make: Any, name: str, tmp_path: Path) -> None:
    random = network(make)
    raft = Raft(saved(tmp_path, name, random.state_dict()))
    backward, forward = raft.estimate(ONE.earlier, ONE.later)
    pixels = [
        torch.from_numpy(image).permute(2, 0, 1)[None].float() / 127.5 - 1
        for image in (ONE.earlier, ONE.later)
    ]
    with torch.no_grad():
        due = random(pixels[1], pixels[0], num_flow_updates=12)[-1]
        due_forward = random(pixels[0], pixels[1], num_flow_updates=12)[-1]
    # The same operations on the same numbers; only their memory layout may differ.
    torch.testing.assert_close(backward, due, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(forward, due_forward, rtol=1e-3, atol=1e-3)
    assert not torch.allclose(backward, forward, atol=0.1)


def test_the_same_pictures_have_the_same_flow(tmp_path: Path) -> None:
    raft = Raft(saved(tmp_path, "raft_small_C_T_V2", network(raft_small).state_dict()))
    once, again = (raft.estimate(ONE.earlier, ONE.later) for _ in range(2))
    assert all(map(torch.equal, once, again))


def test_the_flow_can_meet_tensors_that_are_differentiated(tmp_path: Path) -> None:
    raft = Raft(saved(tmp_path, "raft_small_C_T_V2", network(raft_small).state_dict()))
    backward, _ = raft.estimate(ONE.earlier, ONE.later)
    factor = torch.ones((), requires_grad=True)
    (gradient,) = torch.autograd.grad((factor * backward).sum(), factor)
    torch.testing.assert_close(gradient, backward.sum(), rtol=1e-3, atol=1e-1)


def test_pictures_of_any_size_are_taken(tmp_path: Path) -> None:
    raft = Raft(saved(tmp_path, "raft_small_C_T_V2", network(raft_small).state_dict()))
    for flow in raft.estimate(ONE.earlier[:45, :131], ONE.later[:45, :131]):
        assert flow.shape == (1, 2, 45, 131)
        assert flow.dtype == torch.float32
        assert flow.isfinite().all()


def test_a_file_that_is_not_what_its_name_promises_is_refused(tmp_path: Path) -> None:
    good = saved(tmp_path, "raft_small_C_T_V2", network(raft_small).state_dict())
    wrong = good.rename(tmp_path / "raft_small_C_T_V2-01064c6d.pth")
    with pytest.raises(WeightsError, match="is damaged"):
        Raft(wrong)


def test_a_file_that_is_no_file_of_torch_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "raft.pth"
    path.write_bytes(b"<html>404</html>")
    with pytest.raises(WeightsError, match=r"raft\.pth is damaged"):
        Raft(path)


@pytest.mark.parametrize("content", [{"conv.weight": torch.zeros(3)}, [torch.zeros(3)]])
def test_a_file_of_another_network_is_refused(content: Any, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"raft_small_C_T_V2.*(not of|not tensors)"):
        Raft(saved(tmp_path, "raft_small_C_T_V2", content))


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(VanishedError, match=r"raft\.pth"):
        Raft(tmp_path / "raft.pth")
