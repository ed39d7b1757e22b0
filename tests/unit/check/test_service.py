"""`nstd check --service` with programs that stand for systemd's, and its units as they are."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from nstd.check import service as checking
from nstd.check.finding import Finding
from nstd.check.service import check_command, check_service, properties, settings_of, shown_by
from nstd.errors import UsageError

FOLDER = Path(__file__).resolve().parents[3] / "systemd"
UNIT = (FOLDER / "nstd.service").read_text()

MANNER = {
    "Type", "NotifyAccess", "ExecStart", "ExecReload", "WatchdogSec", "KillMode", "OOMPolicy",
    "TimeoutStartSec", "TimeoutStopSec", "Restart", "RestartSec", "RestartPreventExitStatus",
}  # fmt: skip
"""What of the unit says nothing of what the program may see and do."""

SHOWN = """\
Id=nstd.service
LoadState=loaded
NeedDaemonReload=no
ExecStart={ path=/opt/nstd/bin/nstd ; argv[]=/opt/nstd/bin/nstd run --config \
/etc/nstd/config.yaml ; ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; \
code=(null) ; status=0/0 }
User=nstd
Group=nstd
DynamicUser=no
StateDirectory=nstd
CacheDirectory=nstd
RuntimeDirectory=nstd
StateDirectoryMode=0750
Environment=HOME=/var/cache/nstd TORCHINDUCTOR_CACHE_DIR=/var/cache/nstd/inductor \
TRITON_CACHE_DIR=/var/cache/nstd/triton CUDA_CACHE_PATH=/var/cache/nstd/cuda
UMask=0002
ProtectSystem=strict
ReadWritePaths=-/srv/nstd
PrivateDevices=no
DevicePolicy=closed
DeviceAllow=char-nvidia-frontend rw
DeviceAllow=char-nvidia rw
DeviceAllow=char-nvidiactl rw
DeviceAllow=char-nvidia-uvm rw
DeviceAllow=char-nvidia-caps rw
CapabilityBoundingSet=
NoNewPrivileges=yes
PrivateTmp=yes
PrivateUsers=yes
PrivateIPC=yes
PrivateMounts=yes
ProtectHome=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=all
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
IPAddressDeny=::/0 0.0.0.0/0
IPAddressAllow=127.0.0.0/8 ::1/128
LockPersonality=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=_llseek accept accept4 access alarm bind brk clone close connect write writev
SystemCallErrorNumber=1
MemoryDenyWriteExecute=no
"""
"""What `systemctl show` of systemd 252 says of that unit, the system calls cut short."""

SYSTEMCTL = """\
import sys
from pathlib import Path

here = Path(__file__).parent
if sys.argv[1] == "cat":
    print((here / "cat.txt").read_text())
else:
    asked = sys.argv[3].removeprefix("--property=").split(",")
    for line in (here / "show.txt").read_text().splitlines():
        if line.partition("=")[0] in asked:
            print(line)
"""

SYSTEMD_RUN = """\
import json, os, sys
from pathlib import Path

here = Path(__file__).parent
(here / "asked.json").write_text(json.dumps(sys.argv[1:]))
print((here / "answer.txt").read_text(), end="")
print((here / "said.txt").read_text(), end="", file=sys.stderr)
sys.exit(int((here / "code.txt").read_text()))
"""


class Systemd:
    """A folder of programs that are called as systemd's are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.install("systemctl", SYSTEMCTL)
        self.install("systemd-run", SYSTEMD_RUN)
        self.has(UNIT, SHOWN)
        self.answers([Finding("config", "ok", "fine")])

    def install(self, name: str, source: str) -> None:
        path = self.folder / name
        path.write_text(f"#!{sys.executable}\n{source}")
        path.chmod(0o755)

    def has(self, unit: str, shown: str) -> None:
        (self.folder / "cat.txt").write_text(unit)
        (self.folder / "show.txt").write_text(shown)

    def answers(self, findings: list[Finding] | None, code: int = 0, said: str = "") -> None:
        text = "" if findings is None else json.dumps([asdict(one) for one in findings])
        (self.folder / "answer.txt").write_text(text)
        (self.folder / "code.txt").write_text(str(code))
        (self.folder / "said.txt").write_text(said)

    @property
    def asked(self) -> list[str]:
        """What `systemd-run` was last called with."""
        found: list[str] = json.loads((self.folder / "asked.json").read_text())
        return found

    @property
    def given(self) -> list[str]:
        """The settings that it was given."""
        head = "--property="
        return [word.removeprefix(head) for word in self.asked if word.startswith(head)]


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    """systemd runs, and has the unit as it ships."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(checking, "BOOTED", tmp_path)
    return Systemd(tmp_path)


def test_every_setting_of_the_unit_that_shuts_in_is_passed_on(systemd: Systemd) -> None:
    service = UNIT.partition("[Service]")[2].partition("[Install]")[0]
    in_file = set(re.findall(r"(?m)^(\w+)=", service))
    found = check_service("nstd")
    assert {each.partition("=")[0] for each in systemd.given} == in_file - MANNER | {
        "RuntimeMaxSec",
        "RuntimeDirectoryPreserve",  # the check's end would take it from a daemon that runs
    }
    assert not [each for each in found if each.verdict != "ok"]


def test_what_is_passed_on_is_what_systemd_has_understood(systemd: Systemd) -> None:
    check_service("nstd")
    lines = set(SHOWN.splitlines())
    added = {"RuntimeMaxSec=120", "RuntimeDirectoryPreserve=yes"}
    assert set(systemd.given) - added < lines
    assert len([each for each in systemd.given if each.startswith("DeviceAllow=char-")]) == 5


def test_a_check_stands_for_the_daemon_and_is_waited_for(systemd: Systemd) -> None:
    found = check_service("nstd")
    words = systemd.asked
    assert {"--wait", "--pipe", "--collect"} <= set(words)
    at = words.index("--")
    program, *arguments = words[at + 1 :]
    assert program == "/opt/nstd/bin/nstd"
    assert arguments == ["check", "--run", "--json", "--config", "/etc/nstd/config.yaml"]
    assert found[0].verdict == "ok"
    assert found[0].text.startswith("nstd.service as nstd: /opt/nstd/bin/nstd check")


def test_its_findings_are_given_back_as_they_are(systemd: Systemd) -> None:
    said = [
        Finding("config", "ok", "fine"),
        Finding("folder", "fault", "/srv/x cannot be written to. Give it.", 75),
    ]
    systemd.answers(said, code=75)
    assert check_service("nstd")[1:] == said


def test_the_real_check_answers_in_its_place(
    systemd: Systemd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"state_dir: {tmp_path}/state\ncache_dir: {tmp_path}/cache\n")
    monkeypatch.setenv("PYTHONPATH", str(FOLDER.parent))
    python = f"path={sys.executable} ; argv[]={sys.executable} -m nstd"
    shown = SHOWN.replace("path=/opt/nstd/bin/nstd ; argv[]=/opt/nstd/bin/nstd", python)
    systemd.has(UNIT, shown.replace("/etc/nstd/config.yaml", str(config)))
    systemd.install(
        "systemd-run",
        'import os, sys\nat = sys.argv.index("--") + 1\nos.execv(sys.argv[at], sys.argv[at:])\n',
    )
    found = check_service("nstd")
    assert {"versions", "device", "codecs", "network"} <= {each.subject for each in found}
    (fault,) = [each for each in found if each.verdict == "fault"]
    assert (fault.subject, fault.exit_code) == ("config", 78)
    assert f"{config} watches no folder" in fault.text


@pytest.mark.parametrize(
    ("code", "word"),
    [(203, "ProtectHome="), (217, "useradd"), (226, "ReadWritePaths="), (228, "exit-status 228")],
)
def test_where_systemd_cannot_set_it_up_it_says_which_setting_is_at_fault(
    systemd: Systemd, code: int, word: str
) -> None:
    systemd.answers(None, code=code)
    fault = check_service("nstd")[-1]
    assert (fault.verdict, fault.exit_code) == ("fault", 1)
    assert word in fault.text


def test_where_systemd_refuses_its_own_sentence_is_passed_on(systemd: Systemd) -> None:
    systemd.answers(None, 1, "Failed to start transient service unit: Access denied\n")
    fault = check_service("nstd")[-1]
    assert (fault.verdict, fault.exit_code) == ("fault", 69)
    assert "Failed to start transient service unit: Access denied. Run this as root" in fault.text


def test_an_answer_that_is_none_is_no_answer(systemd: Systemd) -> None:
    (systemd.folder / "answer.txt").write_text('[{"subject": "config"}]')
    assert check_service("nstd")[-1].text.startswith("It could not be checked: exit code 0")


@pytest.mark.parametrize(
    ("before", "after", "word", "code"),
    [
        ("NeedDaemonReload=no", "NeedDaemonReload=yes", "daemon-reload", 1),
        ("LoadState=loaded", "LoadState=masked", "masked", 1),
        ("DynamicUser=no", "DynamicUser=yes", "User=", 69),
        ("/nstd run --config", "/nstd batch --config", "`nstd run`", 1),
    ],
)
def test_a_unit_that_cannot_be_checked_is_not_tried(
    systemd: Systemd, before: str, after: str, word: str, code: int
) -> None:
    systemd.has(UNIT, SHOWN.replace(before, after))
    (fault,) = check_service("nstd")
    assert (fault.verdict, fault.exit_code) == ("fault", code)
    assert word in fault.text
    assert not (systemd.folder / "asked.json").exists()


@pytest.mark.parametrize("asked", ["cat", "show"])
def test_what_systemctl_refuses_is_said_in_its_words(systemd: Systemd, asked: str) -> None:
    refusing = f'import sys\nif sys.argv[1] == "{asked}":\n    sys.exit("No files found for x.")\n'
    systemd.install("systemctl", refusing + SYSTEMCTL)
    (fault,) = check_service("x")
    assert fault.text.startswith("No files found for x. ")
    assert fault.exit_code == 1


def test_without_the_program_it_says_so(systemd: Systemd) -> None:
    (systemd.folder / "systemctl").unlink()
    (fault,) = check_service("nstd")
    assert fault.text.startswith("systemctl: No such file or directory.")


def test_where_no_systemd_runs_it_says_what_else_to_do(
    systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "BOOTED", systemd.folder / "no")
    (fault,) = check_service("nstd")
    assert (fault.verdict, fault.exit_code) == ("fault", 69)
    assert "`nstd check --run --config FILE`" in fault.text


def test_a_path_is_not_a_name() -> None:
    with pytest.raises(UsageError, match="is a path"):
        check_service("systemd/nstd.service")


def test_drop_ins_count_and_other_sections_do_not() -> None:
    text = """\
# /etc/systemd/system/nstd.service
[Unit]
Description=x
[Service]
User=nstd
ProtectSystem=strict
# ProtectHome=yes
[Install]
WantedBy=multi-user.target

# /etc/systemd/system/nstd.service.d/override.conf
[Service]
ProtectSystem=
EnvironmentFile=-/etc/nstd/env
ExecStart=
ExecSearchPath=/opt/bin
RuntimeMaxSec=1d
"""
    assert settings_of(text) == ["User", "ProtectSystem", "EnvironmentFile", "ExecSearchPath"]


def test_settings_that_systemctl_shows_in_another_way_are_translated() -> None:
    shown = shown_by(
        "EnvironmentFiles=/etc/nstd/env (ignore_errors=yes)\n"
        "EnvironmentFiles=/etc/nstd/more (ignore_errors=no)\n"
        'Environment=A=1 "B=two words"\n'
        "CPUWeight=[not set]\n"
        "LoadCredential=[unprintable]\n"
        "RuntimeDirectory=nstd\n"
    )
    names = ["EnvironmentFile", "Environment", "CPUWeight", "LoadCredential", "RuntimeDirectory"]
    given, untold = properties([*names, "SetCredential"], shown)
    assert given == [
        "EnvironmentFile=-/etc/nstd/env",
        "EnvironmentFile=/etc/nstd/more",
        'Environment=A=1 "B=two words"',
        "RuntimeDirectory=nstd",
        # Else the end of the check would take the folder from a daemon that runs.
        "RuntimeDirectoryPreserve=yes",
    ]
    assert untold == ["LoadCredential", "SetCredential"]


def test_what_systemctl_does_not_tell_is_noted(systemd: Systemd) -> None:
    systemd.has(UNIT.replace("[Service]", "[Service]\nLoadCredential=a:/b"), SHOWN)
    notes = [each.text for each in check_service("nstd") if each.verdict == "note"]
    assert notes == ["systemctl does not tell LoadCredential: checked without."]


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ("/a/nstd run", ["/a/nstd", "check", "--run", "--json"]),
        (
            "python -m nstd run --debug --config=/x",
            ["/a/nstd", "-m", "nstd", "check", "--run", "--json", "--debug", "--config=/x"],
        ),
        ("run", None),
        ("/a/nstd", None),
    ],
)
def test_the_check_has_the_daemons_words(argv: str, expected: list[str] | None) -> None:
    started = f"{{ path=/a/nstd ; argv[]={argv} ; ignore_errors=no ; start_time=[n/a] }}"
    assert check_command(started) == expected


@pytest.fixture
def bus(tmp_path: Path) -> "subprocess.Popen[str]":
    """A message bus on which nobody starts services."""
    program = shutil.which("dbus-daemon")
    if program is None or shutil.which("systemd-run") is None:
        if os.environ.get("NSTD_EXPECT_SYSTEMD"):
            pytest.fail("needs dbus-daemon and systemd-run, and NSTD_EXPECT_SYSTEMD says so")
        pytest.skip("needs dbus-daemon and systemd-run (NSTD_EXPECT_SYSTEMD makes it a failure)")
    config = tmp_path / "bus.conf"
    config.write_text(
        f"<busconfig><listen>unix:path={tmp_path}/bus</listen><auth>EXTERNAL</auth>"
        '<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/>'
        "</policy></busconfig>"
    )
    command = [program, f"--config-file={config}", "--nofork", "--print-address"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


@pytest.mark.parametrize(("more", "word"), [([], "org.freedesktop.systemd1"), (["X=1"], "X=1")])
def test_the_real_systemd_run_takes_all_that_it_is_given(
    bus: "subprocess.Popen[str]", tmp_path: Path, more: list[str], word: str
) -> None:
    given, _ = properties(settings_of(UNIT), shown_by(SHOWN))
    with bus:
        assert bus.stdout is not None
        bus.stdout.readline()
        # It reads all settings before it asks the manager, who is not there.
        ended = subprocess.run(
            ["systemd-run", "--user", "--wait", "--pipe"]
            + [f"--property={each}" for each in (*given, *more)]
            + ["--", "/bin/true"],
            env={
                "PATH": os.environ["PATH"],
                "XDG_RUNTIME_DIR": str(tmp_path),
                "DBUS_SESSION_BUS_ADDRESS": f"unix:path={tmp_path}/bus",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        bus.terminate()
    assert ended.returncode == 1
    assert word in ended.stderr
    assert ("Unknown assignment" in ended.stderr) == bool(more)
