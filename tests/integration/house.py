"""A small film, a ledger and a worker, all in this process: what tests of one film share."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from nstd.ledger.job import Job
from nstd.ledger.store import JobStore
from nstd.media.frame import ImageU8
from nstd.media.read.probe import probe
from nstd.media.read.reader import read_frames
from nstd.media.write.codecs import EncodeSettings
from nstd.media.write.segment import SegmentWriter
from nstd.style.devices import choose_devices
from nstd.style.ladder import Level
from nstd.style.recipe import INDEPENDENT, UNPAINTED, StyleRecipe, StyleSource, Temporal
from nstd.submit.freeze import Freezing, Submission, submit
from nstd.submit.output import OutputSpec
from nstd.work.crew import WorkerSettings
from nstd.work.worker import Outcome, Worker
from tests.clips import make, picture
from tests.jobs import Onlooker
from tests.networks import make_quarter_network

FRAMES = 6
SEGMENT = 4
SIZE = (64, 48)


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def unbroken_digest(
    folder: Path, new_house: Callable[[Path, JobStore], "House"] | None = None
) -> str:
    """Hash of a house's film as it is when nothing disturbs its painting."""
    with JobStore(folder / "state/ledger.sqlite3") as store:
        house = (new_house or House)(folder, store)
        house.queue()
        assert house.work(Onlooker()).error is None
        return digest(house.target)


def scene(seed: int, shift: int = 0) -> ImageU8:
    """A picture with structure that its seed alone decides, moved to the left by `shift`."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (9, 20, 3)).astype(np.uint8)
    large = np.kron(coarse, np.ones((8, 8, 1), np.uint8))
    return np.ascontiguousarray(large[: SIZE[1], shift : shift + SIZE[0]])


class House:
    """A ledger, a film, and workers as one needs them."""

    def __init__(self, folder: Path, store: JobStore, temporal: Temporal = INDEPENDENT) -> None:
        self.folder = folder
        self.store = store
        self.state, self.cache = folder / "state", folder / "cache"
        self.source = folder / "film.mp4"
        self.target = folder / "out/painted.mp4"
        self.target.parent.mkdir()
        make(self.source, times=range(0, FRAMES * 512, 512), size=SIZE)
        style = folder / "style.png"
        PIL.Image.fromarray(picture(7, SIZE)).save(style)
        network = folder / "net.safetensors"
        make_quarter_network(network, 0, (2, 2, 4, 4, 4), readout=False)
        self.recipe = StyleRecipe(
            styles=(StyleSource(image=str(style)),),
            network=str(network),
            levels=(Level(48, 2),),
            temporal=temporal,
        )

    def queue(self, **output: Any) -> Job:
        encode = output.pop("encode", EncodeSettings(preset="ultrafast"))
        if output.get("move_to") is not None:
            Path(output["move_to"]).mkdir(exist_ok=True)
        recipe = self.recipe
        if output.get("copy"):  # as the configuration has it
            recipe = replace(UNPAINTED, size=recipe.size)
        wanted = Submission(
            source=self.source,
            folder=self.folder,
            recipe_name="oil",
            recipe=recipe,
            output=OutputSpec(encode=encode, segment_frames=SEGMENT, **output),
            target=self.target,
        )
        job, _ = submit(self.store, wanted, Freezing(self.state, self.cache))
        return job

    def worker(self, onlooker: Onlooker, *, threads: int = 1, **settings: Any) -> Worker:
        (device,) = choose_devices(("cpu",))
        chosen = WorkerSettings(
            state_dir=self.state, cache_dir=self.cache, threads=threads, **settings
        )
        return Worker(self.store, device, chosen, onlooker)

    def work(self, onlooker: Onlooker, **settings: Any) -> Outcome:
        outcome = self.worker(onlooker, **settings).work_one()
        assert outcome is not None
        return outcome

    def begin(self, **output: Any) -> Job:
        """Queue the film, and stop once its first segment is painted."""
        job, first = self.queue(**output), Onlooker()
        first.stop_at(SEGMENT)
        self.work(first)
        return job

    def beside_the_target(self) -> list[str]:
        folder = self.target.parent
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def write_film(house: House, images: list[ImageU8]) -> None:
    """A film of these pictures, without loss."""
    info = replace(probe(house.source), frames=len(images))
    target = house.source.with_name("made.mp4")
    with SegmentWriter(target, info, EncodeSettings(codec="h264", quality=0)) as writer:
        for frame, image in zip(read_frames(house.source, info), images, strict=False):
            writer.write(replace(frame, image=image))
    target.replace(house.source)
