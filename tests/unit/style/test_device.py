"""Devices: what is there, what is asked for and missing, and torch's errors in our words."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from nstd.errors import DeviceError, DeviceMemoryError
from nstd.style import devices as module
from nstd.style.device import device_errors, prepare
from nstd.style.devices import DeviceInfo, choose_devices, list_devices

CPU = DeviceInfo("cpu", "CPU", 0, "AVX2")
CARDS = [DeviceInfo(f"cuda:{n}", "Card", 1 << 30, "Card sm_90") for n in range(2)]


@pytest.fixture
def _two_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "list_devices", lambda: [*CARDS, CPU])


@pytest.fixture
def _no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "list_devices", lambda: [CPU])


def test_the_cpu_is_always_there_and_comes_last() -> None:
    found = list_devices()
    assert found[-1].name == "cpu"
    assert found[-1].processor == torch.backends.cpu.get_cpu_capability()
    assert len({device.name for device in found}) == len(found)


@pytest.mark.usefixtures("_two_cards")
def test_by_default_every_card_is_used_and_not_the_cpu() -> None:
    assert choose_devices(None) == CARDS


@pytest.mark.usefixtures("_no_card")
def test_without_a_card_the_default_is_the_cpu() -> None:
    assert choose_devices(None) == [CPU]


@pytest.mark.usefixtures("_two_cards")
def test_devices_come_in_the_order_they_are_asked_for() -> None:
    assert choose_devices(("cpu", "cuda:1")) == [CPU, CARDS[1]]
    assert choose_devices(("cuda",)) == [CARDS[0]]


@pytest.mark.usefixtures("_two_cards")
@pytest.mark.parametrize("wanted", [("cuda", "cuda:0"), ("cpu", "cpu")])
def test_a_device_named_twice_is_an_error(wanted: tuple[str, ...]) -> None:
    with pytest.raises(DeviceError, match="named twice"):
        choose_devices(wanted)


@pytest.mark.usefixtures("_no_card")
@pytest.mark.parametrize(
    ("wanted", "name"), [("cuda", "cuda:0"), ("cuda:7", "cuda:7"), ("tpu", "tpu")]
)
def test_a_missing_device_is_an_error_and_never_the_cpu_instead(wanted: str, name: str) -> None:
    with pytest.raises(DeviceError, match=f"There is no device {name} here") as caught:
        choose_devices((wanted,))
    assert caught.value.exit_code == 69
    assert "cpu" in caught.value.remedy


@pytest.fixture
def _restored_settings() -> Iterator[None]:
    """`prepare` sets what is global to the process; here it is put back."""
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = (cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32, matmul.allow_tf32)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32, matmul.allow_tf32 = before


@pytest.mark.usefixtures("_restored_settings")
def test_prepare_makes_torch_compute_the_same_thing_twice() -> None:
    found = prepare(choose_devices(("cpu",))[0], threads=1)
    assert found == torch.device("cpu")
    assert torch.get_num_threads() == 1
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"]  # from the import on, or from who started us
    assert torch.backends.cudnn.deterministic
    assert not torch.backends.cudnn.benchmark
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32


def test_memory_that_runs_out_is_our_error() -> None:
    with (
        pytest.raises(DeviceMemoryError, match=r"The memory of cuda:0 is too small: CUDA out") as e,
        device_errors("cuda:0"),
    ):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 …")
    assert e.value.exit_code == 69
    assert isinstance(e.value.__cause__, torch.OutOfMemoryError)
    assert "GPU 0" not in e.value.problem  # one sentence, not torch's page


def test_the_cpu_s_memory_that_runs_out_is_our_error() -> None:
    with (
        pytest.raises(DeviceMemoryError, match="The memory of cpu is too small"),
        device_errors("cpu"),
    ):
        torch.empty(1 << 60, dtype=torch.uint8)  # more than any address space


@pytest.mark.parametrize(
    "error",
    [
        torch.AcceleratorError("CUDA error: an illegal memory access was encountered"),
        RuntimeError("CUDA error: device-side assert triggered\nCompile with …"),
    ],
)
def test_a_device_that_fails_is_our_error(error: RuntimeError) -> None:
    with (
        pytest.raises(DeviceError, match=r"The device cuda:1 failed: CUDA error") as caught,
        device_errors("cuda:1"),
    ):
        raise error
    assert not isinstance(caught.value, DeviceMemoryError)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", [RuntimeError("shapes differ"), RuntimeError(), ValueError("x")])
def test_errors_that_are_not_the_device_s_are_passed_on(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, device_errors("cpu"):
        raise error
    assert caught.value is error


def test_a_process_without_torch_finds_the_same_devices_and_stays_without() -> None:
    script = (
        "import sys\nfrom nstd.style.devices import list_devices\n"
        "print(list_devices())\nassert 'torch' not in sys.modules\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert found.stdout == f"{list_devices()}\n"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise OSError('no driver')", "OSError: no driver"),
        ("import os; os.abort()", "exit code -6"),
    ],
)
def test_that_torch_cannot_look_for_devices_is_said(tmp_path: Path, code: str, said: str) -> None:
    (tmp_path / "torch.py").write_text(code)
    script = (
        "from nstd.errors import DeviceError\nfrom nstd.style.devices import choose_names\n"
        "try:\n    choose_names(None)\nexcept DeviceError as error:\n    print(error)\n"
        "print(choose_names(('cpu',)))\n"
    )
    path = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{os.pathsep.join(sys.path)}"}
    found = subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | path,
    )
    assert f"The devices cannot be looked for: {said}" in found.stdout
    assert "('cpu',)" in found.stdout
