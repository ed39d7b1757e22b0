"""The systemd units: nothing is misspelled, what is shut in stays shut in, and both are alike."""

import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "systemd"
PLAIN, TEMPLATE = FOLDER / "nstd.service", FOLDER / "nstd@.service"

EXPOSURE = "15"
"""Of `systemd-analyze security`, in tenths: 0 is shut in most, 100 not at all."""

DIFFERENT = {
    ("Unit", "Description"): (
        "Paint films dropped into folders (neural style transfer)",
        "Paint films dropped into folders (neural style transfer), %i",
    ),
    ("Service", "ExecStart"): (
        "/opt/nstd/bin/nstd run --config /etc/nstd/config.yaml",
        "/opt/nstd/bin/nstd run --config /etc/nstd/%i.yaml",
    ),
    ("Service", "StateDirectory"): ("nstd", "nstd-%i"),
    ("Service", "RuntimeDirectory"): ("nstd", "nstd-%i"),
}
"""What must differ between one daemon and one of several; all else is alike."""

Settings = list[tuple[str, str, str]]


@pytest.fixture(params=["nstd.service", "nstd@.service", "nstd@night.service"])
def unit(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A unit, the template also as an instance, with programs that are there on this machine."""
    name = str(request.param)
    text = (FOLDER / name.replace("night", "")).read_text()
    path = tmp_path / name
    path.write_text(re.sub(r"(?m)^(ExecStart|ExecReload)=\S+", rf"\1={shutil.which('true')}", text))
    return path


def verify(systemd_analyze: str, unit: Path) -> "subprocess.CompletedProcess[str]":
    # Without the flag systemd 252 exits with 0 whatever it finds.
    command = [systemd_analyze, "verify", "--recursive-errors=no", str(unit)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def security(systemd_analyze: str, unit: Path) -> "subprocess.CompletedProcess[str]":
    command = [systemd_analyze, "security", "--offline=true", f"--threshold={EXPOSURE}", str(unit)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_it_verifies_without_a_word(systemd_analyze: str, unit: Path) -> None:
    answer = verify(systemd_analyze, unit)
    said = [line for line in answer.stderr.splitlines() if "nstd" in line]
    assert (answer.returncode, said) == (0, []), answer.stderr


def test_the_verification_would_notice_a_misspelled_key(systemd_analyze: str, unit: Path) -> None:
    unit.write_text(unit.read_text().replace("ProtectClock=", "ProtectClocks="))
    answer = verify(systemd_analyze, unit)
    assert "ProtectClocks" in answer.stderr


def test_it_is_shut_in(systemd_analyze: str, unit: Path) -> None:
    answer = security(systemd_analyze, unit)
    assert answer.returncode == 0, answer.stdout[-400:]


def test_the_look_at_how_much_is_shut_in_would_notice_a_hole(
    systemd_analyze: str, unit: Path
) -> None:
    text = unit.read_text()
    unit.write_text(text.replace("CapabilityBoundingSet=\n", "").replace("PrivateUsers=yes", ""))
    assert security(systemd_analyze, unit).returncode == 1


def settings(path: Path) -> Settings:
    """Section, key and value of each line; ours are not continued on a second one."""
    found, section = [], ""
    for line in path.read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.append((section, key, value))
    return found


def values(found: Settings, key: str) -> list[str]:
    return [value for _, name, value in found if name == key]


def without(found: Settings, keys: Iterable[tuple[str, str]]) -> Settings:
    return [line for line in found if line[:2] not in keys]


def test_both_units_are_alike_but_for_what_must_differ() -> None:
    plain, template = settings(PLAIN), settings(TEMPLATE)
    assert without(plain, DIFFERENT) == without(template, DIFFERENT)
    for (section, key), expected in DIFFERENT.items():
        found = [
            [value for where, name, value in lines if (where, name) == (section, key)]
            for lines in (plain, template)
        ]
        assert found == [[value] for value in expected]


def test_what_the_program_needs_of_systemd_is_there() -> None:
    unit = settings(PLAIN)
    assert values(unit, "Type") == ["notify"]
    assert values(unit, "WatchdogSec") == ["60"]
    assert values(unit, "ExecReload") == ["/bin/kill -HUP $MAINPID"]
    assert values(unit, "KillMode") == ["mixed"]
    # A child that is killed for want of memory must not end the daemon.
    assert values(unit, "OOMPolicy") == ["continue"]
    assert values(unit, "RestartPreventExitStatus") == ["2 78"]
    assert values(unit, "CacheDirectory") == ["nstd"]
    # A call that is not allowed must not be a daemon that is killed again and again.
    assert values(unit, "SystemCallErrorNumber") == ["EPERM"]
    # torch's CPU kernels are made while they run.
    assert values(unit, "MemoryDenyWriteExecute") == ["no"]


def test_it_can_see_the_gpu() -> None:
    unit = settings(PLAIN)
    assert values(unit, "PrivateDevices") == ["no"]
    groups = ("nvidia-frontend", "nvidia", "nvidiactl", "nvidia-uvm", "nvidia-caps")
    assert values(unit, "DeviceAllow") == [f"char-{group} rw" for group in groups]


def test_everything_that_libraries_write_goes_to_the_cache() -> None:
    unit = settings(PLAIN)
    written = dict(value.split("=", 1) for value in values(unit, "Environment"))
    assert set(written) == {
        "HOME", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "CUDA_CACHE_PATH",
    }  # fmt: skip
    assert all(Path(path).is_relative_to("/var/cache/nstd") for path in written.values())


def test_people_of_a_folders_group_can_read_what_is_painted_and_nobody_the_ledger() -> None:
    unit = settings(PLAIN)
    assert not int(values(unit, "UMask")[0], 8) & 0o070
    assert values(unit, "StateDirectoryMode") == ["0750"]
