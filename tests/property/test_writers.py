"""Who has a file open, as followed by events, compared with who really has."""

from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from nstd.intake.writers import Handles, Standing

PATH = Path("/in/film.mp4")

# Who does something, and what: each is for reading or for writing, and opens, writes or closes.
STEPS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["open", "write", "close"])))


@dataclass
class File:
    """A file that is made by the first of those who may write, and its events in their order."""

    is_open: set[int] = field(default_factory=set)
    events: list[str] = field(default_factory=lambda: ["created"])

    def do(self, who: int, what: str) -> None:
        """0 and 1 may write, 2 and 3 only read."""
        if what == "open" and who not in self.is_open:
            self.is_open.add(who)
            self.events.append("opened")
        elif what == "write" and who in self.is_open & {0, 1}:
            self.events.append("modified")
        elif what == "close" and who in self.is_open:
            self.is_open.remove(who)
            self.events.append("closed by a writer" if who < 2 else "closed by a reader")

    @property
    def is_written(self) -> bool:
        return bool(self.is_open & {0, 1})


def followed(events: list[str]) -> Standing:
    handles = Handles()
    for event in events:
        if event == "created":
            handles.created(PATH)
        elif event == "opened":
            handles.opened(PATH)
        elif event == "modified":
            handles.modified(PATH)
        else:
            handles.closed(PATH, writer=event == "closed by a writer")
    return handles.standing(PATH)


def merged(events: list[str]) -> list[str]:
    """Equal events in a row as one, as the kernel may hand them on."""
    return [one for number, one in enumerate(events) if number == 0 or events[number - 1] != one]


@given(STEPS)
def test_what_is_known_is_true(steps: list[tuple[int, str]]) -> None:
    file = File()
    for who, what in [(0, "open"), *steps]:
        file.do(who, what)
    known = followed(file.events)
    assert known is not Standing.CLOSED or not file.is_open
    assert known is not Standing.OPEN or file.is_written


@given(STEPS)
def test_that_a_file_was_written_to_and_not_closed_is_never_hidden(
    steps: list[tuple[int, str]],
) -> None:
    file, unclosed = File(), False
    for who, what in [(0, "open"), *steps]:
        before = len(file.events)
        file.do(who, what)
        for event in file.events[before:]:
            if event == "modified":
                unclosed = True
            elif event == "closed by a writer":
                unclosed = False
    for events in (file.events, merged(file.events)):
        assert (followed(events) is Standing.OPEN) == unclosed
