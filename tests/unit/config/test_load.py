"""Finding the configuration, its defaults, and what it says when something is wrong."""

from collections.abc import Callable
from pathlib import Path

import pytest

import nstd.config.find
from nstd.config import Config, find_config, load_config
from nstd.errors import ConfigError

Write = Callable[[str], Path]


@pytest.fixture(autouse=True)
def _machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any configuration, on which we stand in an empty folder."""
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("STATE_DIRECTORY", "CACHE_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(nstd.config.find, "SYSTEM_CONFIG", tmp_path / "etc" / "config.yaml")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture
def write() -> Write:
    def write(text: str) -> Path:
        Path("style.jpg").touch()
        Path("config.yaml").write_text(text, "utf-8")
        return Path("config.yaml")

    return write


def _put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("seed_of_nothing: 1\n", "utf-8")
    return path


def _faults(path: Path | None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    return caught.value.problem.split("\n")


def test_the_first_place_that_has_a_file_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_config() is None
    system = _put(tmp_path / "etc" / "config.yaml")
    assert find_config() == system
    home = _put(tmp_path / "home" / ".config" / "nstd" / "config.yaml")
    assert find_config() == home
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert find_config() == system
    xdg = _put(tmp_path / "xdg" / "nstd" / "config.yaml")
    assert find_config() == xdg
    here = _put(Path("config.yaml"))
    assert find_config() == here
    named = _put(tmp_path / "named.yaml")
    assert find_config(named) == named


def test_a_closed_system_folder_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = _put(tmp_path / "etc" / "config.yaml")
    is_file = Path.is_file

    def look(self: Path) -> bool:
        if self == closed:
            raise PermissionError(13, "Permission denied")  # root may look anywhere
        return is_file(self)

    monkeypatch.setattr(Path, "is_file", look)
    assert find_config() is None


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"There is no file .*missing\.yaml"):
        load_config(tmp_path / "missing.yaml")
    with pytest.raises(ConfigError, match="is a folder"):
        load_config(tmp_path)


def test_a_file_that_cannot_be_read_is_told_of(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("")

    def refuse(self: Path, *args: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert _faults(path) == ["config.yaml cannot be read: Permission denied"]


def test_a_film_named_as_configuration_is_refused() -> None:
    Path("film.mp4").write_bytes(bytes(2 << 20))
    with pytest.raises(ConfigError, match="larger than 256 KiB"):
        load_config(Path("film.mp4"))


def test_a_file_that_is_not_utf8_is_refused_with_its_line() -> None:
    Path("config.yaml").write_bytes(b"threads: 1\nnetwork: \xff\n")
    assert _faults(None) == ["config.yaml:2: not UTF-8 text"]


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    Path("config.yaml").write_bytes(b"\xef\xbb\xbfthreads: 3\n")
    assert load_config().threads == 3


def test_without_a_file_there_are_defaults(tmp_path: Path) -> None:
    config = load_config()
    assert config.source is None
    assert config.state_dir == tmp_path / "home/.local/state/nstd"
    assert config.cache_dir == tmp_path / "home/.cache/nstd"
    assert (config.devices, config.threads, config.polling) == ("auto", "auto", "auto")
    assert config.segment_frames == 48
    assert (config.recipes, config.folders, config.batch) == ({}, (), ())
    assert config.output.model_dump() == {
        "codec": "h264", "quality": 18, "preset": "medium", "container": "mp4",
        "profile": "auto", "depth": "auto", "provenance": True,
        "encoder": "software", "sound": "compatible",
    }  # fmt: skip


def test_xdg_and_systemd_say_where_its_own_folders_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/xdg/state")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/invalid")
    assert Config().state_dir == Path("/xdg/state/nstd")
    assert Config().cache_dir == Path.home() / ".cache/nstd"
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/nstd:/var/lib/other")
    monkeypatch.setenv("CACHE_DIRECTORY", "/var/cache/nstd")
    assert Config().state_dir == Path("/var/lib/nstd")
    assert Config().cache_dir == Path("/var/cache/nstd")


def test_a_machine_without_a_home_folder_is_told_what_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    assert find_config() is None
    with pytest.raises(ConfigError, match="XDG_STATE_HOME, or give state_dir"):
        load_config()
    named = Path("config.yaml")
    named.write_text("state_dir: s\ncache_dir: c\n", "utf-8")
    assert load_config().state_dir == Path.cwd() / "s"


def test_paths_are_relative_to_the_file_and_tilde_is_home(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (tmp_path / "style.jpg").touch()
    path = folder / "config.yaml"
    path.write_text(
        "state_dir: ~/state\ncache_dir: cache\n"
        "recipes: {a: {styles: ../style.jpg}}\n"
        "folders: [{watch: in, output: ../out, recipe: a}]\n"
        "batch: [{input: ['*.mov', ~/b/**/*.mp4, /c.mp4], output: o, recipe: a}]\n",
        "utf-8",
    )
    config = load_config(path)
    assert config.state_dir == tmp_path / "home/state"
    assert config.cache_dir == folder / "cache"
    assert config.recipes["a"].styles[0].image == tmp_path / "style.jpg"
    assert config.folders[0].watch == folder / "in"
    assert config.folders[0].output == tmp_path / "out"
    assert config.batch[0].input == (
        f"{folder}/*.mov",
        f"{tmp_path}/home/b/**/*.mp4",
        "/c.mp4",
    )


def test_a_folder_with_brackets_in_its_name_is_no_glob(tmp_path: Path) -> None:
    folder = tmp_path / "films [old]"
    folder.mkdir()
    (folder / "style.jpg").touch()
    path = folder / "config.yaml"
    path.write_text(
        "recipes: {a: {styles: style.jpg}}\nbatch: [{input: x*, output: o, recipe: a}]\n", "utf-8"
    )
    assert load_config(path).batch[0].input == (f"{tmp_path}/films [[]old]/x*",)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("sgement_frames: 3", "1: sgement_frames: unknown key; did you mean “segment_frames”?"),
        ("\nquality: 3", "2: quality: unknown key; known are state_dir, cache_dir, devices"),
        ("segment_frames: many", "1: segment_frames: “many” is not a whole number"),
        ("segment_frames: 1.5", "1: segment_frames: 1.5 is not a whole number"),
        ("segment_frames: yes", "1: segment_frames: “yes” is not a whole number"),
        ("segment_frames: 0", "1: segment_frames: 0 is not at least 1"),
        ("settle_seconds: 0", "1: settle_seconds: 0 is not above 0"),
        ("settle_seconds: .inf", "1: settle_seconds: “.inf” is not a number"),
        ("settle_seconds: 1e999", "1: settle_seconds: infinity is not a finite"),
        ("grace_seconds: -1", "1: grace_seconds: -1 is not at least 0"),
        ("worker_timeout_seconds: 5", "1: worker_timeout_seconds: 5 is not at least 10"),
        ("after_upgrade: contine", "1: after_upgrade: “contine” is none of continue, refuse; did"),
        ("reconcile_seconds: 1e6", "1: reconcile_seconds: 1000000 is more than 86400"),
        ("accept_truncated: 1", "1: accept_truncated: 1 is neither yes nor no"),
        ("polling: often", "1: polling: “often” is neither auto nor yes nor no"),
        ("threads: 0", "1: threads: 0 is not between 1 and 1024"),
        ("threads: [1]", "1: threads: a list is neither auto nor a whole number"),
        ("devices: gpu", "1: devices: “gpu” is no device"),
        ("devices: [cpu, cuda]", "1: devices: “cuda” is no device"),
        ("devices: [cpu, cpu]", "1: devices: a device is named twice"),
        ("devices: []", "1: devices: a list is neither auto nor a list of devices"),
        ("log_level: loud", "1: log_level: “loud” is none of debug, info, warning, error"),
        ("state_dir: 3", "1: state_dir: 3 is not a path"),
        ("state_dir: style.jpg", "1: state_dir: "),
        ("state_dir: ~nosuchuser/x", "1: state_dir: “~nosuchuser/x”: there is no such user"),
        ("cache_dir: \"a\\0b\"", "1: cache_dir: “a\\x00b” holds U+0000"),
        ("network: a/b.pth", "1: network: there is no file "),
        ("network: 3", "1: network: 3 is not a network's name"),
        ("recipes: [a]", "1: recipes: a list is not a set of keys with values"),
        ("folders: {watch: a}", "1: folders: a set of keys is not a list"),
        ("folders: [a]", "1: folders[0]: “a” is not a set of keys with values"),
        ("folders:\n  -\n", "2: folders[0]: nothing is given"),
        ("output: {codec: h265, quality: 52}", "1: output.quality: h265 has no quality 52; 51 is"),
        ("output: {codec: ffv1, quality: 3}", "1: output.quality: ffv1 has no quality to set"),
        ("output: {codec: prores, container: mp4}", "1: output.container: prores does not fit in"),
        ("output: {codec: prores, profile: hqx}", "1: output.profile: prores has no profile 'hqx'"),
        ("output: {codec: h264, depth: 10}", "1: output.depth: there is no h264 of 10 bits; ch"),
        ("output: {codec: h266}", "1: output.codec: “h266” is none of h264"),
        ("output: {qualty: 3}", "1: output.qualty: unknown key; did you mean “quality”?"),
        ("- a\n- b", "1: a list is not a set of keys with values"),
        ("hello", "1: “hello” is not a set of keys with values"),
        ("threads: 1\nthreads: 2", "2: threads: the key is given twice, first in line 1"),
        ("a: b: c", "1: cannot be read: a “key: value” where none can be"),
    ],
)  # fmt: skip
def test_each_slip_has_its_line_its_key_and_plain_words(
    write: Write, text: str, fault: str
) -> None:
    (found,) = _faults(write(text))
    assert found.startswith(f"config.yaml:{fault}")


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("devices: cpu", "devices", ("cpu",)),
        ("devices: [cuda:1, mps]", "devices", ("cuda:1", "mps")),
        ("polling: off", "polling", False),
        ("threads: '4'", "threads", 4),
        ("segment_frames: 1e2", "segment_frames", 100),
        ("settle_seconds: 2e-1", "settle_seconds", 0.2),
        ("settle_seconds: '2e-1'", "settle_seconds", 0.2),
        ("grace_seconds: 0", "grace_seconds", 0.0),
        ("after_upgrade: Refuse", "after_upgrade", "refuse"),
        ("log_level: WARNING", "log_level", "warning"),
        ("network: pocket", "network", "pocket"),
        ("accept_truncated: 'yes'", "accept_truncated", True),
    ],
)
def test_values_may_be_written_as_people_write_them(
    write: Write, text: str, key: str, value: object
) -> None:
    assert getattr(load_config(write(text)), key) == value


def test_weights_are_named_by_their_file_too(write: Write) -> None:
    Path("my.pth").touch()
    config = load_config(write("network: my.pth"))
    assert config.network == str(Path.cwd() / "my.pth")


def test_all_faults_are_told_at_once_in_the_order_of_their_lines(write: Write) -> None:
    path = write(
        "threads: none\n"
        "folders:\n"
        "  - {watch: in, output: in/out, recipe: a}\n"
        "  - {watch: other, output: out, recipe: b}\n"
        "recipes:\n"
        "  a: {styles: [missing.jpg], tv: 3}\n"
        "threads: 3\n"
    )
    assert [fault.removeprefix("config.yaml:").split(": ")[:2] for fault in _faults(path)] == [
        ["1", "threads"],
        ["3", "folders[0].output"],
        ["4", "folders[1].recipe"],
        ["6", "recipes.a.styles[0]"],
        ["6", "recipes.a.tv"],
        ["7", "threads"],
    ]


def test_a_misspelled_key_is_one_fault_not_also_a_missing_one(write: Write) -> None:
    text = "recipes: {a: {stile: style.jpg}}\nfolders:\n- wach: in\n  output: out\n  recipe: a\n"
    assert _faults(write(text)) == [
        "config.yaml:1: recipes.a.stile: unknown key; did you mean “style”?",
        "config.yaml:3: folders[0].wach: unknown key; did you mean “watch”?",
    ]


def test_a_missing_key_is_told_of_where_its_section_begins(write: Write) -> None:
    assert _faults(write("\nbatch:\n  - input: x\n    recipe: a\nrecipes: {a: {}}")) == [
        "config.yaml:3: batch[0]: the key “output” is missing",
        "config.yaml:5: recipes.a: the key “styles” is missing",
    ]


def test_a_fault_in_an_anchor_is_told_of_in_the_anchors_line(write: Write) -> None:
    text = (
        "recipes:\n  a: &a\n    styles: style.jpg\n    seed: x\n"
        "  b:\n    <<: *a\n    seed: 3\n  c:\n    <<: *a\n"
    )
    assert _faults(write(text)) == [
        "config.yaml:4: recipes.a.seed: “x” is not a whole number",
        "config.yaml:4: recipes.c.seed: “x” is not a whole number",
    ]


def test_values_in_messages_are_short_and_harmless(write: Write) -> None:
    (fault,) = _faults(write('threads: "\\e[31m' + "x" * 500 + '"'))
    assert "\x1b" not in fault
    assert len(fault) < 160


def test_a_configuration_cannot_be_changed(write: Write) -> None:
    config = load_config(write("threads: 3"))
    with pytest.raises(ValueError, match="frozen"):
        config.threads = 4
