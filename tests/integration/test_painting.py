"""A segment painted by the function alone: no ledger, no work folder, and the same bytes."""

import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from nstd.errors import DamagedError, UnreadableError
from nstd.files import file_sha256
from nstd.ledger.job import Job, Segment, Shot
from nstd.ledger.store import JobStore
from nstd.media.read.probe import probe
from nstd.media.write.segment import SegmentWriter
from nstd.painting.frames import FilmSource
from nstd.painting.plan import ExecutionPlan
from nstd.painting.segment import PaintedFrame, SegmentResult, SegmentSpec
from nstd.style.recipe import INDEPENDENT, StyleRecipe, Temporal
from nstd.submit.output import OutputSpec
from tests.clips import make
from tests.integration.house import SIZE, House, scene, write_film
from tests.jobs import Onlooker
from tests.painting_process import paint

CUT = 3
"""With segments of at most 4 frames: frames 0 to 2, 3 to 6, 7 and 8."""


class Program:
    """A film painted by the whole program, and what its segments are made of.

    Attributes:
        source: The film.
        job: As it was when all was painted.
        segments: As the ledger has them.
    """

    def __init__(self, folder: Path, temporal: Temporal) -> None:
        with JobStore(folder / "state/ledger.sqlite3") as store:
            house = House(folder, store, temporal)
            make(house.source, times=range(0, 9 * 512, 512), size=SIZE)
            write_film(house, [scene(1, i) for i in range(CUT)] + [scene(2, i) for i in range(6)])
            self.source = house.source
            number = house.queue().id
            assert house.work(Onlooker()).error is None
            self.job: Job = store.get(number)
            self.segments: list[Segment] = store.segments(number)

    def given(
        self, segment: Segment, left: SegmentResult | None
    ) -> tuple[SegmentSpec, Shot | None, dict[int, PaintedFrame]]:
        """What paints one of them, after what the one before it has left."""
        assert self.job.plan is not None
        spec = SegmentSpec(
            source=FilmSource(path=self.source, info=probe(self.source)),
            recipe=StyleRecipe.from_json(self.job.request.recipe),
            plan=ExecutionPlan.from_json(self.job.plan),
            first=segment.first,
            last=segment.last,
        )
        if segment.depends_on is None or left is None:
            return spec, None, {}
        return spec, left.shot, {frame.index: frame for frame in left.last_frames}

    def digest(self, painted: list[PaintedFrame], result: SegmentResult, folder: Path) -> str:
        """Of the file that painted frames make."""
        encode = OutputSpec.from_json(self.job.request.output).encode
        path, info = folder / "segment.mp4", probe(self.source)
        with SegmentWriter(path, info, encode) as writer:
            for frame, time in zip(painted, result.times, strict=True):
                writer.write(frame.shown_at(time, info.time_base))
        return file_sha256(path)


FLOW = Temporal(long_term=(3, 5))
"""Reaches back over more than a segment."""

in_flow = pytest.mark.parametrize("program", [FLOW], indirect=True, scope="module")
both_ways = pytest.mark.parametrize(
    "program", [FLOW, INDEPENDENT], indirect=True, scope="module", ids=["flow", "alone"]
)


@pytest.fixture(scope="module")
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Program:
    return Program(tmp_path_factory.mktemp("program"), request.param)


@both_ways
def test_segments_painted_in_memory_are_the_files_of_the_whole_program(
    program: Program, tmp_path: Path
) -> None:
    left = None
    for segment in program.segments:
        result, painted = paint(*program.given(segment, left))
        assert program.digest(painted, result, tmp_path) == segment.digest
        assert result.carried == segment.carried
        left = result


@in_flow
def test_a_segment_painted_in_a_process_without_a_ledger_is_the_same_file(
    program: Program, tmp_path: Path
) -> None:
    before, last = program.segments[-2:]
    left, _ = paint(*program.given(before, None))
    child = subprocess.run(
        [sys.executable, "-m", "tests.painting_process"],
        input=pickle.dumps(program.given(last, left)),
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        check=True,
    )
    result, painted = pickle.loads(child.stdout)  # noqa: S301 - our own child's
    assert program.digest(painted, result, tmp_path) == last.digest
    assert result.carried == last.carried


@in_flow
def test_what_is_missing_of_what_a_segment_is_painted_from_is_said(program: Program) -> None:
    before, last = program.segments[-2:]
    left, _ = paint(*program.given(before, None))
    spec, shot, earlier = program.given(last, left)
    with pytest.raises(DamagedError, match="frame 6 is gone"):
        paint(spec, shot, {})
    with pytest.raises(UnreadableError, match="from 9 on can be decoded"):
        paint(replace(spec, first=9), shot, earlier)


@in_flow
@pytest.mark.parametrize("count", [1, 3])
def test_frames_that_were_kept_are_not_painted_again(program: Program, count: int) -> None:
    given = program.given(program.segments[1], None)
    result, painted = paint(*given)
    again, rest = paint(*given, {frame.index: frame for frame in painted[:count]})
    assert [frame.index for frame in rest] == [frame.index for frame in painted[count:]]
    assert all((a.pixels == b.pixels).all() for a, b in zip(rest, painted[count:], strict=True))
    assert (again.times, again.shot, again.carried) == (result.times, result.shot, result.carried)


class Read(dict[int, PaintedFrame]):
    """Painted frames, and the numbers of those that were looked up."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: set[int] = set()

    def __getitem__(self, number: int) -> PaintedFrame:
        self.numbers.add(number)
        return super().__getitem__(number)


@in_flow
def test_of_frames_that_the_caller_keeps_the_last_alone_is_held(program: Program) -> None:
    given, kept = program.given(program.segments[1], None), Read()
    result, painted = paint(*given)
    again, same = paint(*given, kept)
    # Frame 6 looks back at 5 and 3, and the next segment at all of them.
    assert kept.numbers == {3, 4, 5}
    assert all((a.pixels == b.pixels).all() for a, b in zip(same, painted, strict=True))
    assert (again.times, again.shot, again.carried) == (result.times, result.shot, result.carried)
