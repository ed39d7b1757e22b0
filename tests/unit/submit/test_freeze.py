"""From a settled file to a job: frozen by content, fingerprinted once, never two to one target."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from nstd.config import Config, with_sidecar
from nstd.errors import (
    ConfigError,
    InputError,
    NstdError,
    UnreadableError,
    UnsupportedError,
    VanishedError,
    WeightsError,
)
from nstd.files import file_sha256
from nstd.ledger.fingerprint import fingerprint
from nstd.ledger.job import FileIdentity, Job, path_of
from nstd.ledger.store import JobStore
from nstd.media.names import is_media
from nstd.media.read.limits import Limits
from nstd.style.devices import DeviceInfo
from nstd.style.recipe import StyleRecipe, StyleSource
from nstd.submit import freeze as submission
from nstd.submit.freeze import (
    Freezing,
    Submission,
    freeze,
    paints_on_gpu,
    submit,
    submit_entry,
)
from nstd.submit.output import OutputSpec
from nstd.submit.sources import Candidate
from nstd.weights.catalog import find_weights
from nstd.weights.convert import import_weights
from tests.networks import make_quarter_network

WIDTHS = (2, 2, 2, 2, 2)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    with JobStore(tmp_path / "state/ledger.sqlite3") as store:
        yield store


@pytest.fixture
def style(tmp_path: Path) -> Path:
    path = tmp_path / "Style.PNG"
    PIL.Image.new("RGB", (8, 8), "red").save(path)
    return path


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return make_quarter_network(tmp_path / "net.safetensors", 0, WIDTHS, readout=False)


@pytest.fixture
def recipe(style: Path, network: Path) -> StyleRecipe:
    return StyleRecipe(styles=(StyleSource(image=str(style), weight=2.0),), network=str(network))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


def configure(tmp_path: Path, style: Path, network: Path, **folder: Any) -> Config:
    entry = {"watch": tmp_path / "in", "output": tmp_path / "out", "recipe": "oil"} | folder
    return Config.model_validate(
        {
            "state_dir": tmp_path / "state",
            "cache_dir": tmp_path / "cache",
            "network": str(network),
            "recipes": {"oil": {"styles": [str(style)]}, "ink": {"styles": [str(style)]}},
            "folders": [{key: value for key, value in entry.items() if value is not None}],
        }
    )


def film(path: Path, content: bytes = b"a film") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def take(store: JobStore, config: Config, path: Path, *, named: bool = False) -> list[Job]:
    entry = config.folders[0]
    queued = submit_entry(store, config, Candidate(entry, entry.watch, path, named=named))
    return [job for job, _ in queued]


def targets(jobs: list[Job], out: Path) -> list[str]:
    return [str(path_of(job.request.target).relative_to(out)) for job in jobs]


def test_frozen_files_are_copies_named_by_their_content(
    tmp_path: Path, recipe: StyleRecipe, style: Path, network: Path
) -> None:
    freezing = Freezing(tmp_path / "state", tmp_path / "cache")
    frozen = freeze(recipe, freezing)
    for copy, original, digest in (
        (Path(frozen.styles[0].image), style, frozen.styles[0].sha256),
        (Path(frozen.network), network, frozen.network_sha256),
    ):
        assert digest == hashlib.sha256(original.read_bytes()).hexdigest()
        assert copy == tmp_path / f"state/frozen/{digest}{original.suffix.lower()}"
        assert copy.read_bytes() == original.read_bytes()
        assert copy.stat().st_ino != original.stat().st_ino
    assert frozen.styles[0].name == style.name
    assert freeze(frozen, freezing).styles[0].name == style.name
    assert frozen.styles[0].weight == 2.0
    assert len(list((tmp_path / "state/frozen").iterdir())) == 2


def test_what_happens_to_the_originals_afterwards_changes_nothing(
    tmp_path: Path, recipe: StyleRecipe, style: Path
) -> None:
    before = freeze(recipe, Freezing(tmp_path / "state", tmp_path / "cache"))
    content = Path(before.styles[0].image).read_bytes()
    PIL.Image.new("RGB", (8, 8), "blue").save(style)
    assert Path(before.styles[0].image).read_bytes() == content
    after = freeze(recipe, Freezing(tmp_path / "state", tmp_path / "cache"))
    assert after.styles[0].sha256 != before.styles[0].sha256
    assert Path(after.styles[0].image).read_bytes() == style.read_bytes()


@pytest.mark.parametrize(
    ("gpu", "vgg19_is_here", "name"),
    [
        (False, False, "pocket"),
        (True, False, "pocket"),
        (False, True, "pocket"),
        (True, True, "vgg19"),
    ],
)
def test_what_auto_stands_for_is_frozen_and_logged(
    tmp_path: Path,
    recipe: StyleRecipe,
    network: Path,
    caplog: pytest.LogCaptureFixture,
    gpu: bool,
    vgg19_is_here: bool,
    name: str,
) -> None:
    cache = tmp_path / "cache"
    if vgg19_is_here:
        import_weights(network, cache, name="vgg19")
    caplog.set_level("INFO")
    submission._say_which.cache_clear()  # it is said once a process
    freezing = Freezing(tmp_path / "state", cache, gpu)
    frozen = freeze(replace(recipe, network="auto"), freezing)
    taken = find_weights(name, cache)
    assert frozen.network_name == name
    assert Path(frozen.network).read_bytes() == taken.read_bytes()
    assert frozen.network_sha256 == file_sha256(taken)
    assert f"The network is {name}: " in caplog.text
    # What is queued stays what it is, whatever is fetched or plugged in later.
    other = Freezing(freezing.state_dir, cache, not gpu)
    assert freeze(frozen, other) == frozen


def test_a_recipe_deeper_than_its_network_is_refused_before_it_is_queued(
    tmp_path: Path, recipe: StyleRecipe
) -> None:
    deeper = replace(recipe, network="auto", style_layers=("conv5_3",), layer_weights=(1.0,))
    with pytest.raises(WeightsError, match="network pocket has no conv5_3: it ends at conv5_1"):
        freeze(deeper, Freezing(tmp_path / "state", tmp_path / "cache"))


def test_painting_is_on_a_gpu_unless_the_first_device_is_the_cpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    devices = {
        None: [DeviceInfo("cuda:0", "a card", 1, "sm"), DeviceInfo("cuda:1", "a card", 1, "sm")],
        ("cpu",): [DeviceInfo("cpu", "CPU", 0, "AVX2")],
        ("mps",): [DeviceInfo("mps", "Apple GPU", 0, "mps")],
    }
    monkeypatch.setattr("nstd.style.devices.choose_devices", devices.__getitem__)
    found = [paints_on_gpu(Config(devices=one or "auto")) for one in devices]
    assert found == [True, False, True]


def test_a_bad_style_image_is_named_as_the_user_knows_it(
    tmp_path: Path, recipe: StyleRecipe, style: Path
) -> None:
    style.write_text("no picture")
    with pytest.raises(UnreadableError, match=r"Style\.PNG is not a picture"):
        freeze(recipe, Freezing(tmp_path / "state", tmp_path / "cache"))
    style.unlink()
    with pytest.raises(VanishedError, match=r"Style\.PNG"):
        freeze(recipe, Freezing(tmp_path / "state", tmp_path / "cache"))
    assert not (tmp_path / "state/frozen").exists()


def test_a_damaged_network_is_not_frozen(
    tmp_path: Path, recipe: StyleRecipe, network: Path
) -> None:
    network.write_bytes(network.read_bytes()[:-7])
    with pytest.raises(WeightsError, match=r"net\.safetensors"):
        freeze(recipe, Freezing(tmp_path / "state", tmp_path / "cache"))


def test_a_state_folder_that_cannot_be_written_is_named(
    tmp_path: Path, recipe: StyleRecipe
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NstdError, match="file/state") as caught:
        freeze(recipe, Freezing(tmp_path / "file/state", tmp_path / "cache"))
    assert caught.value.exit_code == 75


def test_the_same_work_is_queued_once(
    tmp_path: Path, store: JobStore, style: Path, network: Path, folder: Path
) -> None:
    config = configure(tmp_path, style, network)
    path = film(folder / "a.mp4")
    (first,) = submit_entry(store, config, Candidate(config.folders[0], folder, path))
    (second,) = submit_entry(store, config, Candidate(config.folders[0], folder, path))
    assert (first[1], second[1]) == (True, False)
    assert first[0].id == second[0].id


def test_other_content_under_the_same_name_is_other_work(
    tmp_path: Path, store: JobStore, style: Path, network: Path, folder: Path
) -> None:
    config = configure(tmp_path, style, network)
    (first,) = take(store, config, film(folder / "a.mp4", b"one film"))
    (second,) = take(store, config, film(folder / "a.mp4", b"another film"))
    assert first.request.key.fingerprint != second.request.key.fingerprint
    assert first.id != second.id
    # The first never came to be, and never will: its content is gone. Its place is the second's.
    assert first.request.target == second.request.target


def test_a_job_holds_the_frozen_recipe_and_the_folders_wishes(
    tmp_path: Path, store: JobStore, style: Path, network: Path, folder: Path
) -> None:
    config = configure(
        tmp_path, style, network,
        originals={"move": tmp_path / "done"}, overwrite=True, encode={"codec": "prores"},
    )  # fmt: skip
    (job,) = take(store, config, film(folder / "a.mp4"))
    recipe = StyleRecipe.from_json(job.request.recipe)
    assert Path(recipe.network).parent == Path(recipe.styles[0].image).parent
    assert Path(recipe.network).parent == tmp_path / "state/frozen"
    spec = OutputSpec.from_json(job.request.output)
    assert (spec.originals, spec.move_to, spec.overwrite) == ("move", str(tmp_path / "done"), True)
    assert (spec.encode.codec, spec.encode.container) == ("prores", "mov")
    assert spec.segment_frames == config.segment_frames


def test_a_job_holds_its_folders_priority_and_limits(
    tmp_path: Path, store: JobStore, style: Path, network: Path, folder: Path
) -> None:
    config = configure(
        tmp_path, style, network,
        priority=7, accept_truncated=True, limits={"hours": 2, "free_gib": 0},
    )  # fmt: skip
    (job,) = take(store, config, film(folder / "a.mp4"))
    spec = OutputSpec.from_json(job.request.output)
    assert job.request.priority == 7
    assert spec.accept_truncated
    assert spec.limits == Limits(hours=2, free_gib=0)
    (other,) = take(store, configure(tmp_path, style, network), film(folder / "b.mp4"))
    spec = OutputSpec.from_json(other.request.output)
    assert (other.request.priority, spec.accept_truncated, spec.limits) == (0, False, Limits())


def test_a_sidecar_changes_every_recipe_the_film_is_painted_in_and_no_other_film(
    tmp_path: Path, store: JobStore, style: Path, network: Path, folder: Path
) -> None:
    config = configure(tmp_path, style, network, recipe=None, recipes=["oil", "ink"])
    blue = folder / "sub/blue.png"
    blue.parent.mkdir()
    PIL.Image.new("RGB", (8, 8), "blue").save(blue)
    (folder / "sub/a.mp4.nstd.yaml").write_text("styles: blue.png\nseed: 3\n")
    for job in take(store, config, film(folder / "sub/a.mp4")):
        recipe = StyleRecipe.from_json(job.request.recipe)
        assert recipe.seed == 3
        # Frozen: what happens to sidecar and image later changes nothing.
        assert Path(recipe.styles[0].image).read_bytes() == blue.read_bytes()
        assert Path(recipe.styles[0].image).parent == tmp_path / "state/frozen"
    for job in take(store, config, film(folder / "sub/b.mp4", b"another")):
        assert StyleRecipe.from_json(job.request.recipe).seed == 0


def test_a_film_is_not_queued_before_its_sidecar_is_mended(
    tmp_path: Path, store: JobStore, style: Path, network: Path, folder: Path
) -> None:
    config = configure(tmp_path, style, network)
    path = film(folder / "a.mp4")
    sidecar = folder / "a.nstd.yaml"
    sidecar.write_text("seed: 3\nstrenght: subtle\n")
    with pytest.raises(ConfigError) as caught:
        take(store, config, path)
    told = f"{sidecar}:2: strenght: unknown key; did you mean “strength”?"
    assert caught.value.problem == told
    assert store.jobs() == []
    sidecar.write_text("seed: 3\nstrength: subtle\n")
    (job,) = take(store, config, path)
    # What is queued keeps its recipe, so the sidecar may be anything from then on.
    sidecar.write_text("seed: four\n")
    assert take(store, config, path) == [job]


def test_outputs_of_one_name_are_told_apart_whatever_the_order(
    tmp_path: Path, store: JobStore, style: Path, network: Path, folder: Path
) -> None:
    config = configure(tmp_path, style, network)
    found = [
        take(store, config, film(folder / name, name.encode()))
        for name in ("a.mov", "a.avi", "a.mp4", "sub/a.mov", "b.mov", "a.jpg", "a.JPEG", "a.bmp")
    ]
    # The second a is named after all of its name, one that is .mp4 already gets a number; other
    # folders and formats do not collide.
    assert [name for jobs in found for name in targets(jobs, tmp_path / "out")] == [
        "a.mp4", "a.avi.mp4", "a-2.mp4", "sub/a.mp4", "b.mp4", "a.jpg", "a.JPEG.jpg", "a.png",
    ]  # fmt: skip
    # And asked again each keeps its own.
    (again,) = take(store, config, folder / "a.avi")
    assert targets([again], tmp_path / "out") == ["a.avi.mp4"]


@pytest.mark.parametrize("first", ["a.avi", "a.mov", "a.mp4"])
def test_of_films_that_lie_there_it_is_not_luck_which_is_named_after_all_of_its_name(
    tmp_path: Path, store: JobStore, style: Path, network: Path, folder: Path, first: str
) -> None:
    config = configure(tmp_path, style, network, pattern=["*.avi", "*.mov", "*.mp4"])
    names = ("a.avi", "a.mov", "a.mp4", "a.mkv")  # the last is not meant by the folder
    paths = {name: film(folder / name, name.encode()) for name in names}
    order = [first, *(name for name in names[:3] if name != first)]
    found = {name: targets(take(store, config, paths[name]), tmp_path / "out") for name in order}
    assert found == {"a.mp4": ["a.mp4"], "a.avi": ["a.avi.mp4"], "a.mov": ["a.mov.mp4"]}


def painted(store: JobStore, content: bytes = b"painted") -> Job:
    """The next job, as if a worker had done it."""
    job = store.claim("w", lease_seconds=60)
    assert job is not None
    target = path_of(job.request.target)
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(content)
    return store.done(store.publishing(job, part=FileIdentity.from_stat(target.stat())))


def test_other_content_under_an_old_name_gets_a_number_and_a_note(
    tmp_path: Path, store: JobStore, style: Path, network: Path, folder: Path
) -> None:
    config = configure(tmp_path, style, network)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a-3.mp4").write_bytes(b"somebody else's")
    found = []
    for content in (b"1", b"2", b"3"):
        found += take(store, config, film(folder / "a.mp4", content))
        painted(store)
    assert targets(found, tmp_path / "out") == ["a.mp4", "a-2.mp4", "a-4.mp4"]
    assert [job.request.note for job in found] == [
        "",
        "It becomes a-2.mp4: a.mp4 was painted from other content (job 1)",
        "It becomes a-4.mp4: a.mp4 was painted from other content (job 1)",
    ]
    # It is in the job's history too, and known of by name.
    assert store.events(2)[0].reason == found[1].request.note
    assert [job.id for job in store.noted_jobs(0, 8)] == [3, 2]
    # The old content is back: that is painted already.
    assert [job.id for job in take(store, config, film(folder / "a.mp4", b"1"))] == [1]


def test_where_outputs_may_be_replaced_the_new_content_takes_its_place(
    tmp_path: Path, store: JobStore, style: Path, network: Path, folder: Path
) -> None:
    config = configure(tmp_path, style, network, overwrite=True)
    found = []
    for content in (b"1", b"2"):
        found += take(store, config, film(folder / "a.mov", content))
        painted(store)
    assert targets(found, tmp_path / "out") == ["a.mp4", "a.mp4"]
    assert [job.request.note for job in found] == ["", ""]
    assert all(OutputSpec.from_json(job.request.output).only_own for job in found)


def test_a_name_that_is_no_text_comes_through(
    tmp_path: Path, store: JobStore, style: Path, network: Path, folder: Path
) -> None:
    config = configure(tmp_path, style, network)
    (job,) = take(store, config, film(folder / os.fsdecode(b"\xff '\n.mov")))
    assert job.request.key.relative == b"\xff '\n.mov"
    assert job.request.target == os.fsencode(tmp_path / "out") + b"/\xff '\n.mp4"


def test_a_file_is_read_once_as_long_as_it_does_not_change(
    store: JobStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = film(folder / "a.mp4")
    digested = []
    real = hashlib.file_digest

    def digest(*arguments: Any) -> Any:
        digested.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(hashlib, "file_digest", digest)
    first = fingerprint(store, folder, path, dropped=True)
    again = fingerprint(store, folder, path, dropped=True)
    assert again == first == hashlib.sha256(b"a film").hexdigest()
    assert len(digested) == 1
    path.write_bytes(b"an even longer film")
    assert fingerprint(store, folder, path, dropped=True) != first
    assert len(digested) == 2


def test_a_link_that_a_person_names_is_painted_under_its_own_name(
    tmp_path: Path, store: JobStore, style: Path, network: Path, folder: Path
) -> None:
    config = configure(tmp_path, style, network)
    film(tmp_path / "elsewhere/real.mp4")
    link = folder / "link.mp4"
    link.symlink_to(tmp_path / "elsewhere/real.mp4")
    (job,) = take(store, config, link, named=True)
    assert not OutputSpec.from_json(job.request.output).dropped
    assert path_of(job.request.source) == link
    assert targets([job], tmp_path / "out") == ["link.mp4"]
    assert job.request.key.fingerprint == hashlib.sha256(b"a film").hexdigest()


def test_what_became_a_link_or_a_pipe_once_it_had_settled_is_not_queued(
    tmp_path: Path, store: JobStore, style: Path, network: Path, folder: Path
) -> None:
    config = configure(tmp_path, style, network)
    film(tmp_path / "elsewhere/sub/a.mp4")
    (folder / "a.mp4").symlink_to(tmp_path / "elsewhere/sub/a.mp4")
    (folder / "sub").symlink_to(tmp_path / "elsewhere/sub")
    os.mkfifo(folder / "c.mp4")
    for name in ("a.mp4", "sub/a.mp4"):
        with pytest.raises(UnsupportedError, match="is a link, or lies behind one"):
            take(store, config, folder / name)
    for named in (False, True):
        with pytest.raises(InputError, match="is a pipe"):
            take(store, config, folder / "c.mp4", named=named)
    assert store.jobs() == []
    (job,) = take(store, config, film(folder / "d.mp4"))
    assert OutputSpec.from_json(job.request.output).dropped


def test_a_film_that_is_gone_or_a_folder_is_refused(
    tmp_path: Path, store: JobStore, recipe: StyleRecipe, folder: Path
) -> None:
    (folder / "folder.mp4").mkdir()
    for name, kind in (("gone.mp4", VanishedError), ("folder.mp4", NstdError)):
        wanted = Submission(
            source=folder / name,
            folder=folder,
            recipe_name="oil",
            recipe=recipe,
            output=OutputSpec(),
            target=tmp_path / "out.mp4",
        )
        with pytest.raises(kind, match=name):
            submit(store, wanted, Freezing(tmp_path / "state", tmp_path / "cache"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.mp4", True), ("a.MOV", True), ("a.gif", True), ("a.JPeG", True), ("a.webp", True),
        ("a.txt", False), ("mp4", False), ("a.mp4.part", False), ("a", False),
    ],
)  # fmt: skip
def test_films_and_pictures_are_known_by_their_names(name: str, expected: bool) -> None:
    assert is_media(Path("/in", name)) == expected


def test_a_style_that_a_sidecar_names_is_opened_beneath_its_folder_when_it_is_frozen(
    tmp_path: Path, store: JobStore, style: Path, network: Path, folder: Path
) -> None:
    config = configure(tmp_path, style, network)
    mine = folder / "mine.png"
    shutil.copyfile(style, mine)
    (folder / "a.mp4.nstd.yaml").write_text("styles: mine.png")
    path = film(folder / "a.mp4")
    entry, looked_at = config.folders[0], []

    def swapped(*arguments: Any) -> Any:
        found = with_sidecar(*arguments)
        mine.unlink()
        mine.symlink_to(style)
        looked_at.append(arguments)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(submission, "with_sidecar", swapped)
        with pytest.raises(UnsupportedError, match="is a link, or lies behind one"):
            take(store, config, path)
    assert looked_at
    assert store.jobs() == []
    opened = config.model_copy(
        update={"folders": (entry.model_copy(update={"sidecars": "anywhere"}),)}
    )
    assert len(take(store, opened, path)) == 1


def test_a_name_as_long_as_can_be_is_queued(
    tmp_path: Path, store: JobStore, style: Path, network: Path, folder: Path
) -> None:
    config = configure(tmp_path, style, network)
    (job,) = take(store, config, film(folder / ("y" * 251 + ".m2v")))  # .m2ts would be too long
    assert len(path_of(job.request.target).name) == 255
