"""The systemd unit: nothing in it is misspelled, and what it shuts in stays shut in."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).resolve().parents[2] / "systemd/nstd.service"

EXPOSURE = "15"
"""Of `systemd-analyze security`, in tenths: 0 is shut in most, 100 not at all."""


@pytest.fixture(scope="module")
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        if os.environ.get("NSTD_EXPECT_SYSTEMD"):
            pytest.fail("systemd-analyze is not here, and NSTD_EXPECT_SYSTEMD says it must be")
        pytest.skip("needs systemd-analyze (set NSTD_EXPECT_SYSTEMD to make this a failure)")
    return found


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that is there on this machine."""
    text = UNIT.read_text()
    path = tmp_path / UNIT.name
    path.write_text(re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={shutil.which('true')}", text))
    return path


def verify(analyze: str, unit: Path) -> "subprocess.CompletedProcess[str]":
    # Without the flag systemd 252 exits with 0 whatever it finds.
    command = [analyze, "verify", "--recursive-errors=no", str(unit)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_it_verifies_without_a_word(analyze: str, unit: Path) -> None:
    answer = verify(analyze, unit)
    said = [line for line in answer.stderr.splitlines() if unit.name in line]
    assert (answer.returncode, said) == (0, []), answer.stderr


def test_the_verification_would_notice_a_misspelled_key(analyze: str, unit: Path) -> None:
    unit.write_text(unit.read_text().replace("ProtectClock=", "ProtectClocks="))
    answer = verify(analyze, unit)
    assert "ProtectClocks" in answer.stderr


def test_it_is_shut_in(analyze: str, unit: Path) -> None:
    command = [analyze, "security", "--offline=true", f"--threshold={EXPOSURE}", str(unit)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 0, answer.stdout[-400:]


def lines() -> list[str]:
    return [line for line in UNIT.read_text().splitlines() if line and line[0] not in "#["]


def test_it_starts_the_daemon_with_the_systems_configuration() -> None:
    (start,) = (line for line in lines() if line.startswith("ExecStart="))
    assert start.split()[1:] == ["run", "--config", "/etc/nstd/config.yaml"]


def test_it_can_see_the_gpu_and_is_not_started_again_for_what_will_not_mend() -> None:
    assert "PrivateDevices=no" in lines()
    assert "DeviceAllow=char-nvidia-frontend rw" in lines()
    assert "RestartPreventExitStatus=2 78" in lines()
    # torch's CPU kernels are made while they run.
    assert "MemoryDenyWriteExecute=no" in lines()
