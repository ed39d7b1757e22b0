"""`nstd init` at the command line."""

import json
from pathlib import Path

import pytest

from nstd.cli import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["init", *arguments])
    return ended.value.code, *capsys.readouterr()


def test_it_says_what_it_has_written_and_what_is_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, said = run(capsys)
    assert (code, said) == (0, "")
    assert f"Written: {tmp_path}/nstd.yaml\n" in out
    assert f"Next: nstd run --config {tmp_path}/nstd.yaml" in out
    code, out, said = run(capsys)
    assert (code, out) == (2, "")
    assert "is there already" in said


def test_with_a_service_it_says_how_to_install_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = run(capsys, str(tmp_path / "a"), "--service")
    assert f"install -m 644 {tmp_path}/a/nstd.service /etc/systemd/system/" in out
    _, out, _ = run(capsys, str(tmp_path / "b"), "--json")
    assert json.loads(out) == {
        "config": f"{tmp_path}/b/nstd.yaml",
        "unit": None,
        "watched": f"{tmp_path}/b/in",
        "painted": f"{tmp_path}/b/out",
    }


def test_beside_a_configuration_that_is_there_it_writes_the_unit_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "nstd.yaml").write_text("folders: []\n")
    code, out, said = run(capsys, str(tmp_path), "--service")
    assert (code, said) == (0, "")
    assert out.startswith(f"Written: {tmp_path}/nstd.service\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["nstd.service", "nstd.yaml"]
    assert (tmp_path / "nstd.yaml").read_text() == "folders: []\n"
    assert f"run --config {tmp_path}/nstd.yaml" in (tmp_path / "nstd.service").read_text()
    code, out, said = run(capsys, str(tmp_path), "--service")
    assert (code, out) == (2, "")
    assert "nstd.service is there already" in said
