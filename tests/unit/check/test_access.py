"""Who may read and write what, by modes, owners and groups."""

import os
import pwd
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from nstd.check.access import ENTER, READ, WRITE, Account, account, nearest, obstacle
from nstd.errors import ConfigError

OWNER = Account("owner", os.getuid(), frozenset({os.getgid()}))
MEMBER = Account("member", 54321, frozenset({os.getgid()}))
OTHER = Account("other", 54321, frozenset({54321}))
ROOT = Account("root", 0, frozenset({0}), powerful=True)


@pytest.fixture
def open_way() -> Iterator[Path]:
    """A folder that everybody can get to, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        folder.chmod(0o711)
        if obstacle(OTHER, folder, ENTER) is not None:
            pytest.skip("needs a folder for temporary files that is open to everybody (set TMPDIR)")
        yield folder


@pytest.mark.parametrize(
    ("who", "mode", "granted"),
    [
        (OWNER, 0o600, READ | WRITE),
        (OWNER, 0o077, 0),  # the owner's bits alone count, though others have more
        (MEMBER, 0o640, READ),
        (MEMBER, 0o606, 0),
        (OTHER, 0o604, READ),
        (OTHER, 0o770, 0),
        (OTHER, 0o606, READ | WRITE),
    ],
)
def test_the_first_class_that_fits_decides(
    open_way: Path, who: Account, mode: int, granted: int
) -> None:
    file = open_way / "file"
    file.touch()
    file.chmod(mode)
    for bit in (READ, WRITE):
        assert (obstacle(who, file, bit) is None) == bool(granted & bit)


def test_a_closed_folder_on_the_way_is_the_obstacle(open_way: Path) -> None:
    inner = open_way / "closed/open"
    inner.mkdir(parents=True)
    inner.parent.chmod(0o700)
    found = obstacle(OTHER, inner, READ | ENTER)
    assert found is not None
    assert (found.path, found.wanted, found.has_acl) == (inner.parent, ENTER, False)


def test_a_link_leads_through_the_folders_of_what_it_names(open_way: Path) -> None:
    target = open_way / "closed/file"
    target.parent.mkdir()
    target.touch()
    (open_way / "link").symlink_to(target)
    assert obstacle(OTHER, open_way / "link", READ) is None
    target.parent.chmod(0o700)
    found = obstacle(OTHER, open_way / "link", READ)
    assert found is not None
    assert found.path == target.parent.resolve()


def test_root_passes_everything_but_executes_only_what_is_executable(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    file.chmod(0)
    assert obstacle(ROOT, file, READ | WRITE) is None
    assert obstacle(ROOT, file, ENTER) is not None
    file.chmod(0o100)
    assert obstacle(ROOT, file, ENTER) is None


def test_the_nearest_path_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert nearest(tmp_path / "a/b") == tmp_path
    assert nearest(tmp_path / "file/x") == tmp_path / "file"
    assert nearest(tmp_path) == tmp_path


def test_an_account_is_in_its_own_groups_and_those_of_the_unit() -> None:
    entry = pwd.getpwuid(os.getuid())
    found = account(entry.pw_name, None, ["54321"], powerful=True)
    assert (found.uid, found.home) == (entry.pw_uid, Path(entry.pw_dir))
    assert {entry.pw_gid, 54321} <= found.groups
    assert found.powerful is (entry.pw_uid == 0)
    assert account("0", "54320", [], powerful=False).groups >= {54320}


@pytest.mark.parametrize(
    ("user", "group", "missing"),
    [("no-such-user", None, "user no-such-user"), ("0", "no-such-group", "group no-such-group")],
)
def test_a_missing_user_or_group_is_named(user: str, group: str | None, missing: str) -> None:
    with pytest.raises(ConfigError, match=missing):
        account(user, group, [], powerful=False)
