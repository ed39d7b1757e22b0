"""Which file is nstd's configuration, and which is another program's that is called the same."""

from pathlib import Path

import pytest

import nstd.config.find
from nstd.config import find_config, load_config
from nstd.errors import ConfigError

FOREIGN = {
    "a static site": "baseURL: https://example.org\ntitle: A\nparams: {a: 1}\noutput: public\n",
    "a cluster": "apiVersion: v1\nkind: Config\nclusters: []\n---\napiVersion: v1\n",
    "a home": "homeassistant:\n  name: Home\nautomation: !include automations.yaml\n",
    "a template": "image: {{ .Values.image }}\nreplicas: {{ .Values.replicas }}\n",
    "containers": "version: 3\nservices:\n  web: {image: nginx}\nvolumes: {}\n",
    "a list": "- one\n- two\n",
    "no YAML": "[section]\nkey = value\n",
    "no text": "\x00\x01\x02",
}
OWN = {
    "empty": "",
    "comments": "# threads: 3\n",
    "a typo": "theads: 3\n",
    "two typos": "recipies: {}\nfolder: []\n",
    "a tab": "recipes:\n\tnight: {}\nfolders: []\n",
    "a duplicate": "threads: 1\nthreads: 2\n",
}


@pytest.fixture(autouse=True)
def _machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any configuration, on which we stand in an empty folder."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr(nstd.config.find, "SYSTEM_CONFIG", tmp_path / "etc" / "config.yaml")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def test_nstd_yaml_comes_before_config_yaml() -> None:
    Path("config.yaml").write_text("threads: 2\n")
    assert load_config().threads == 2
    Path("nstd.yaml").write_text("threads: 3\n")
    assert find_config() == Path("nstd.yaml")
    assert load_config().threads == 3


@pytest.mark.parametrize("text", FOREIGN.values(), ids=FOREIGN)
def test_another_programs_file_is_passed_over_by_what_can_do_without(
    text: str, tmp_path: Path
) -> None:
    Path("config.yaml").write_text(text)
    config = load_config(needed=False)
    assert (config.source, config.ignored) == (None, Path("config.yaml").absolute())
    (tmp_path / "xdg/nstd").mkdir(parents=True)
    (tmp_path / "xdg/nstd/config.yaml").write_text("threads: 3\n")
    assert load_config(needed=False).threads == 3


@pytest.mark.parametrize("text", FOREIGN.values(), ids=FOREIGN)
def test_what_needs_a_configuration_says_that_this_is_none(text: str) -> None:
    Path("config.yaml").write_text(text)
    with pytest.raises(ConfigError, match="no configuration of nstd") as caught:
        load_config()
    assert "nstd.yaml" in caught.value.remedy


@pytest.mark.parametrize("text", OWN.values(), ids=OWN)
def test_what_may_be_nstds_own_is_never_passed_over(text: str) -> None:
    Path("config.yaml").write_text(text)
    try:
        config = load_config(needed=False)
    except ConfigError as error:
        assert "no configuration of nstd" not in error.problem  # noqa: PT017 - empty is none
    else:
        assert (config.source, config.ignored) == (Path("config.yaml").absolute(), None)


@pytest.mark.parametrize("name", ["nstd.yaml", "etc/config.yaml"])
def test_what_is_nstds_by_name_or_place_is_read_as_such(name: str, tmp_path: Path) -> None:
    path = Path(name) if name == "nstd.yaml" else tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(FOREIGN["containers"])
    with pytest.raises(ConfigError, match="version: unknown key"):
        load_config(needed=False)
    with pytest.raises(ConfigError, match="version: unknown key"):
        load_config(path, needed=False)
