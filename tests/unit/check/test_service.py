"""`nstd check --service`: each thing that would fail is found, and said with what to do."""

import os
import pwd
from pathlib import Path

import PIL.Image
import pytest

from nstd.check import Finding, check_service
from nstd.check import service as looking
from nstd.config import Config
from nstd.errors import ConfigError
from nstd.style.device import DeviceInfo
from tests.unprivileged import unprivileged

ME = pwd.getpwuid(os.getuid()).pw_name
CPU = DeviceInfo("cpu", "CPU", 0, "x")
GPU = DeviceInfo("cuda:0", "GPU", 1 << 34, "x")


class Home:
    """A service of this user's in which nothing is wrong, until something is changed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("in", "out", "state", "cache", "bin"):
            (root / name).mkdir()
        PIL.Image.new("RGB", (8, 8)).save(root / "style.png")
        self.program = root / "bin/nstd"
        self.program.write_text("#!/bin/sh\n")
        self.program.chmod(0o755)
        self.keys = {
            "state_dir": f"{root}/state",
            "cache_dir": f"{root}/cache",
            "devices": "cpu",
            "recipes": f"{{a: {{styles: {root}/style.png}}}}",
            "folders": f"[{{watch: {root}/in, output: {root}/out, recipe: a}}]",
        }
        self.settings = {
            "Type": "notify",
            "WatchdogSec": "60",
            "ExecStart": f"{self.program} run --config {root}/config.yaml",
            "ExecReload": "/bin/kill -HUP $MAINPID",
            "KillMode": "mixed",
            "User": ME,
            # So that modes bind root, too, if that is who runs this.
            "CapabilityBoundingSet": "",
            "ProtectSystem": "strict",
            "ReadWritePaths": str(root),
        }

    def look(self) -> list[Finding]:
        config = "".join(f"{key}: {value}\n" for key, value in self.keys.items())
        (self.root / "config.yaml").write_text(config)
        lines = [f"{key}={value}" for key, value in self.settings.items()]
        unit = self.root / "nstd.service"
        unit.write_text("[Service]\n" + "\n".join(lines) + "\n")
        return check_service(str(unit))

    def faults(self) -> list[Finding]:
        found = self.look()
        for finding in found:
            assert finding.text.endswith(".") or finding.verdict == "ok"
        return [finding for finding in found if finding.verdict == "fault"]

    def fault(self) -> Finding:
        (found,) = self.faults()
        return found


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    # What the machine itself has and lacks is another test's.
    monkeypatch.setattr(looking, "check", lambda config, problem, folders: [])
    monkeypatch.setattr(looking, "list_devices", lambda: [CPU])
    return Home(tmp_path)


def test_where_nothing_is_wrong_nothing_is_said_to_be(home: Home) -> None:
    found = home.look()
    assert [f for f in found if f.verdict == "fault"] == []
    assert [f.text for f in found if f.verdict == "note"] == [
        text for text in (f.text for f in found) if text.startswith("This check runs in")
    ]
    ok = [finding.text for finding in found if finding.verdict == "ok"]
    assert any(text.endswith(f"config.yaml as {ME}") for text in ok)
    for name, how in (("in", "read"), ("out", "written to"), ("state", "written to")):
        assert f"{home.root}/{name} can be {how} by {ME}" in ok


def test_looking_changes_nothing(home: Home) -> None:
    home.look()
    before = {path: path.stat().st_mtime_ns for path in home.root.rglob("*") if path.is_dir()}
    environment = dict(os.environ)
    check_service(str(home.root / "nstd.service"))
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert dict(os.environ) == environment


def test_a_unit_that_is_nowhere_is_all_that_is_said() -> None:
    (found,) = check_service("nstd", [Path("/nowhere")])
    assert (found.verdict, found.subject) == ("fault", "service")


def test_a_missing_program_is_named(home: Home) -> None:
    home.program.unlink()
    assert home.fault().text.startswith(f"There is no program {home.program}. Install")


def test_a_program_that_may_not_be_executed_is_named(home: Home) -> None:
    home.program.chmod(0o644)
    text = home.fault().text
    assert text.startswith(f"{home.program} is closed to {ME}")
    assert "execute it" in text


def test_a_program_whose_python_is_gone_is_named(home: Home) -> None:
    home.program.write_text("#!/gone/python3\n")
    assert "run by /gone/python3, which is not there" in home.fault().text


def test_a_program_whose_python_lies_where_the_service_cannot_go_is_named(home: Home) -> None:
    # As virtual environments have it whose Python was installed below somebody's home.
    python = home.root / "somebody/python3"
    python.parent.mkdir()
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    (home.root / "bin/python3").symlink_to(python)
    home.program.write_text(f"#!{home.root}/bin/python3\n")
    assert home.faults() == []
    home.settings["InaccessiblePaths"] = str(python.parent)
    out_of_reach = f"{home.program} is run by {python.resolve()}, which is out of {ME}'s reach."
    assert home.fault().text.startswith(out_of_reach)
    del home.settings["InaccessiblePaths"]
    python.chmod(0o600)
    assert home.fault().text.startswith(out_of_reach)


def test_another_command_than_run_is_noted(home: Home) -> None:
    home.settings["ExecStart"] = f"{home.program} batch --config {home.root}/config.yaml"
    (note,) = (f.text for f in home.look() if f.verdict == "note" and "ExecStart" in f.text)
    assert "does not say `run`" in note


def test_a_missing_user_is_named(home: Home) -> None:
    home.settings["User"] = "no-such-user"
    fault = home.fault()
    assert fault.text.startswith("There is no user no-such-user.")
    assert fault.exit_code == 78


def test_a_configuration_that_the_user_cannot_read_is_named(home: Home) -> None:
    home.look()
    (home.root / "etc").mkdir()
    closed = home.root / "etc/closed.yaml"
    (home.root / "config.yaml").rename(closed)
    home.settings["ExecStart"] = f"{home.program} run --config {closed}"
    closed.chmod(0o200)
    fault = next(f for f in home.faults() if f.subject == "config")
    assert f"{closed} is closed to" in fault.text
    assert "read it" in fault.text
    assert fault.exit_code == 78


@pytest.fixture
def given(home: Home, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Config | None, str]]:
    """What the look at the machine was given: configuration and problem."""
    seen = []

    def remember(
        config: Config | None, problem: ConfigError | None, *, folders: bool
    ) -> list[Finding]:
        assert not folders  # whether this user can use them is nothing to the service
        seen.append((config, str(problem)))
        return []

    monkeypatch.setattr(looking, "check", remember)
    return seen


def test_a_broken_configuration_is_passed_on_to_the_rest(
    home: Home, given: list[tuple[Config | None, str]]
) -> None:
    home.keys["setle_seconds"] = "3"
    home.look()
    ((config, problem),) = given
    assert config is None
    assert "setle_seconds" in problem


def test_a_configuration_without_folders_is_no_daemons(
    home: Home, given: list[tuple[Config | None, str]]
) -> None:
    home.keys["folders"] = "[]"
    home.look()
    ((config, problem),) = given
    assert config is not None
    assert f"{home.root}/config.yaml watches no folder" in problem


def test_the_services_own_folders_are_where_its_environment_says(home: Home) -> None:
    del home.keys["state_dir"], home.keys["cache_dir"]
    home.settings |= {"StateDirectory": "nstd/x", "CacheDirectory": "nstd"}
    texts = [finding.text for finding in home.look()]
    own = f"is made by systemd, and {ME}'s own"
    assert f"/var/lib/nstd/x {own}" in texts
    assert f"/var/cache/nstd {own}" in texts


@pytest.mark.parametrize("name", ["out", "state", "cache"])
def test_a_folder_outside_of_what_may_be_written_is_named(home: Home, name: str) -> None:
    others = [n for n in ("out", "state", "cache") if n != name]
    home.settings["ReadWritePaths"] = " ".join(f"{home.root}/{n}" for n in others)
    fault = home.fault()
    path = f"{home.root}/{name}"
    assert fault.text == (
        f"{path} is read-only for the service: ProtectSystem=strict."
        f" Add ReadWritePaths={path} with `systemctl edit nstd.service`."
    )
    assert (fault.subject, fault.exit_code) == ("folder", 75)


def test_a_watched_folder_must_be_writable_only_where_originals_leave_it(home: Home) -> None:
    names = ("out", "state", "cache")
    home.settings["ReadWritePaths"] = " ".join(f"{home.root}/{name}" for name in names)
    assert home.faults() == []
    home.keys["folders"] = home.keys["folders"].replace("recipe", "originals: delete, recipe")
    assert home.fault().text.startswith(f"{home.root}/in is read-only")


def test_an_optional_path_that_is_not_there_is_what_to_create(home: Home) -> None:
    missing = home.root / "srv"
    home.settings["ReadWritePaths"] = f"{home.root}/state {home.root}/cache -{missing}"
    home.keys["folders"] = home.keys["folders"].replace("/out", "/srv/out")
    assert f"Create {missing}: ReadWritePaths=-{missing} is passed over" in home.fault().text


def test_a_path_without_which_systemd_does_not_start_is_named(home: Home) -> None:
    home.settings["ReadWritePaths"] += " /no/such/folder"
    assert "There is no /no/such/folder" in home.fault().text


def test_folders_below_a_hidden_one_are_named(home: Home) -> None:
    hidden = home.root / "secret"
    hidden.mkdir()
    (hidden / "in").mkdir()
    home.settings["InaccessiblePaths"] = str(hidden)
    home.keys["folders"] = home.keys["folders"].replace(f"{home.root}/in", f"{hidden}/in")
    text = home.fault().text
    assert f"{hidden}/in is not to be seen" in text
    assert f"InaccessiblePaths={hidden}" in text


@pytest.mark.parametrize(
    ("folder", "line"),
    [
        ("/home/x", "ProtectHome=yes"),
        ("/var/tmp/x", "PrivateTmp=yes"),  # noqa: S108 - hidden, which is the point
    ],
)
def test_a_home_or_a_temporary_folder_is_not_for_a_service(
    home: Home, folder: str, line: str
) -> None:
    # Where the tests' own folders lie must not matter.
    del home.settings["ProtectSystem"]
    home.keys["folders"] = home.keys["folders"].replace(f"{home.root}/out", folder)
    key, _, value = line.partition("=")
    home.settings[key] = value
    texts = [fault.text for fault in home.faults() if fault.text.startswith(folder)]
    assert len(texts) == 1
    assert line in texts[0]


def test_a_folder_that_the_user_may_not_write_is_named(home: Home) -> None:
    (home.root / "out").chmod(0o500)
    try:
        fault = home.fault()
    finally:
        (home.root / "out").chmod(0o700)
    assert fault.text.startswith(f"{home.root}/out is closed to {ME}")
    assert "write to it" in fault.text
    assert fault.exit_code == 75


def test_a_folder_that_is_still_to_be_made_needs_the_one_it_is_made_in(home: Home) -> None:
    (home.root / "out").rmdir()
    assert home.faults() == []
    home.keys["folders"] = home.keys["folders"].replace("/out", "/closed/out")
    (home.root / "closed").mkdir(mode=0o500)
    assert f"{home.root}/closed/out: {home.root}/closed is closed to" in home.fault().text


def test_a_watched_folder_that_is_not_there_is_named(home: Home) -> None:
    (home.root / "in").rmdir()
    assert home.fault().text == f"{home.root}/in is not there. Create it, or mount its disk."


@pytest.mark.usefixtures("deniable")
def test_what_the_one_who_asks_may_not_look_at_is_said_to_be_roots_to_ask(home: Home) -> None:
    closed = home.root / "closed"
    (closed / "in").mkdir(parents=True)
    home.keys["folders"] = home.keys["folders"].replace("/in,", "/closed/in,")
    home.settings["ReadWritePaths"] += f" {closed}/in"
    home.look()
    closed.chmod(0)
    with unprivileged():
        found = home.faults()
    closed.chmod(0o700)
    assert [fault.text for fault in found] == [
        f"{closed}/in may not be looked at by this user. Run this check as root."
    ]


@pytest.mark.usefixtures("deniable")
def test_so_is_a_unit(home: Home) -> None:
    home.look()
    unit = home.root / "nstd.service"
    unit.chmod(0)
    with unprivileged():
        (fault,) = check_service(str(unit))
    assert fault.text == f"{unit} may not be looked at by this user. Run this check as root."


@pytest.mark.usefixtures("deniable")
def test_so_is_a_configuration(home: Home, given: list[tuple[Config | None, str]]) -> None:
    home.look()
    given.clear()
    (home.root / "config.yaml").chmod(0)
    with unprivileged():
        found = check_service(str(home.root / "nstd.service"))
    # The owner may not read it either, which modes tell without reading it.
    assert [f.subject for f in found if f.verdict == "fault"] == ["config"]
    ((config, problem),) = given
    assert config is None
    assert f"{home.root}/config.yaml" in problem


def test_a_style_image_that_the_user_may_not_read_is_named(home: Home) -> None:
    home.look()
    image = home.root / "style.png"
    home.settings["InaccessiblePaths"] = str(image)
    assert f"{image} is not to be seen" in home.fault().text


def test_a_ledger_on_a_network_file_system_is_named(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "needs_polling", lambda path: path == home.root / "state")
    monkeypatch.setattr(looking, "file_system", lambda path: "nfs4")
    text = home.fault().text
    assert f"{home.root}/state is on a network file system (nfs4)" in text


def test_kernels_written_while_running_are_needed_on_the_cpu_alone(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.settings["MemoryDenyWriteExecute"] = "yes"
    assert home.fault().text.startswith("MemoryDenyWriteExecute=yes")
    home.keys["devices"] = "auto"
    assert len(home.faults()) == 1
    monkeypatch.setattr(looking, "list_devices", lambda: [GPU, CPU])
    assert home.faults() == []


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("PrivateDevices=yes", "Set PrivateDevices=no and DeviceAllow=char-nvidia rw."),
        ("DevicePolicy=closed", "Set DeviceAllow=char-nvidia rw."),
    ],
)
@pytest.mark.parametrize("devices", ["[cuda:0]", "auto"])
def test_a_gpu_that_the_sandbox_hides_is_named(
    home: Home, monkeypatch: pytest.MonkeyPatch, line: str, remedy: str, devices: str
) -> None:
    monkeypatch.setattr(looking, "list_devices", lambda: [GPU, CPU])
    monkeypatch.setattr(looking, "character_groups", lambda: ["mem", "nvidia"])
    home.keys["devices"] = devices
    key, _, value = line.partition("=")
    home.settings[key] = value
    fault = home.fault()
    assert fault.text.endswith(remedy)
    assert ("it would paint on the CPU" in fault.text) == (devices == "auto")
    assert (fault.subject, fault.exit_code) == ("device", 69)


def test_a_user_made_at_the_start_is_noted(home: Home) -> None:
    home.settings["DynamicUser"] = "yes"
    del home.settings["User"]
    notes = [finding.text for finding in home.look() if finding.verdict == "note"]
    assert any("DynamicUser=yes" in note for note in notes)


def test_that_the_service_is_another_installation_is_noted(home: Home) -> None:
    notes = [finding.text for finding in home.look() if finding.verdict == "note"]
    assert any(f"Run {home.root}/bin/nstd check --service." in note for note in notes)
