"""What can be asked of the ledger; each answer is one query, as of one moment."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from nstd.files import Json
from nstd.ledger import queueing, segment_rows
from nstd.ledger.database import Database
from nstd.ledger.job import Event, FileIdentity, Job, JobKey, JobState, Painted, Segment, Shot
from nstd.ledger.rows import event_of, file_values, job_of, no_such_job, to_text
from nstd.ledger.segment_rows import segment_of, shot_of

_HELD = """
    WHERE state = 'queued' AND (paused OR not_before > 0) AND (paused OR not_before > :now)
"""
"""The first condition is the index's."""

_NO_NUMBER = 1 << 62
"""Greater than that of any job."""


class Lookups:
    """The part of a `JobStore` that only reads.

    Args:
        path: The ledger's file.
        busy_seconds: How long to wait for another process that writes.
    """

    def __init__(self, path: Path, *, busy_seconds: float) -> None:
        self._database = Database(path, busy_seconds=busy_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def require_there(self) -> None:
        """Make sure that the ledger's file is there: what is written to a deleted one is lost.

        Raises:
            LedgerError: It was deleted, or another one has taken its place.
        """
        self._database.require_there()

    def close(self) -> None:
        """Close the ledger; further use raises `LedgerError`."""
        self._database.close()

    # --- jobs --------------------------------------------------------------------------------

    def get(self, job_id: int) -> Job:
        """The job with this number."""
        found = self._database.read("SELECT * FROM jobs WHERE id = :id", {"id": job_id})
        if not found:
            raise no_such_job(job_id)
        return job_of(found[0])

    def find(self, key: JobKey) -> Job | None:
        """The newest job for this work, or None."""
        found = self._database.read(queueing.LATEST, queueing.key_values(key))
        return job_of(found[0]) if found else None

    def jobs(
        self,
        states: Iterable[JobState] | None = None,
        limit: int | None = None,
        *,
        before: int | None = None,
    ) -> list[Job]:
        """Jobs in any of these states (None: all), the newest first.

        Args:
            states: The states.
            limit: So many at most; None: all.
            before: Only those with smaller numbers: so the next page begins where this one ends.
        """
        chosen = "" if states is None else "state IN (SELECT value FROM json_each(:states)) AND"
        return self._jobs(
            f"WHERE {chosen} id < :before ORDER BY id DESC LIMIT :limit",
            states=None if states is None else json.dumps(list(states)),
            limit=-1 if limit is None else limit,
            before=_NO_NUMBER if before is None else before,
        )

    def jobs_of(self, numbers: Iterable[int]) -> list[Job]:
        """The jobs with these numbers, the oldest first; numbers without a job are passed over."""
        return self._jobs(
            "WHERE id IN (SELECT value FROM json_each(:numbers)) ORDER BY id",
            numbers=json.dumps(list(numbers)),
        )

    def held(self, now: float, limit: int | None = None) -> list[Job]:
        """Jobs that wait for something other than their turn, the oldest first.

        Args:
            now: The time, in seconds since the epoch.
            limit: So many at most; None: all.
        """
        limit = -1 if limit is None else limit
        return self._jobs(f"{_HELD} ORDER BY id LIMIT :limit", now=now, limit=limit)

    def count_held(self, now: float) -> int:
        """How many jobs wait for something other than their turn."""
        counted = f"SELECT count(*) FROM jobs {_HELD}"  # noqa: S608 - ours
        ((number,),) = self._database.read(counted, {"now": now})
        return int(number)

    def unsettled(self) -> list[Job]:
        """The jobs that are done except for something that waits, the oldest first."""
        return self._jobs("WHERE state = 'done' AND hold_reason IS NOT NULL ORDER BY id")

    def jobs_for_target(self, target: bytes) -> list[Job]:
        """The jobs whose output goes, or went, to this path, the newest first."""
        return self._jobs("WHERE target = :target ORDER BY id DESC", target=target)

    def noted_jobs(self, since: float, limit: int) -> list[Job]:
        """Jobs with a note that wait or run, or have changed since then; the newest first."""
        return self._jobs(
            "WHERE note != '' AND (updated >= :since"
            " OR state IN ('queued', 'running', 'publishing')) ORDER BY id DESC LIMIT :limit",
            since=since,
            limit=limit,
        )

    def jobs_of_film(self, key: JobKey) -> list[Job]:
        """The newest job of each recipe for the film of `key`: same folder, path and content."""
        found = self._jobs(
            "WHERE folder = :folder AND relative = :relative AND fingerprint = :fingerprint"
            " ORDER BY id",
            folder=key.folder,
            relative=key.relative,
            fingerprint=key.fingerprint,
        )
        return list({job.request.key: job for job in found}.values())

    def jobs_of_content(self, fingerprint: str) -> list[Job]:
        """The jobs that have painted this content, wherever it lay, the newest first."""
        return self._jobs(
            "WHERE fingerprint = :fingerprint AND state = 'done' ORDER BY id DESC",
            fingerprint=fingerprint,
        )

    def counts(self) -> dict[JobState, int]:
        """How many jobs are in each of the states."""
        found = self._database.read("SELECT state, count(*) AS number FROM jobs GROUP BY state")
        numbers = {row["state"]: row["number"] for row in found}
        return {state: numbers.get(state, 0) for state in JobState}

    def _jobs(self, which: str, **values: Any) -> list[Job]:
        """The jobs that a condition tells; numbers are sorted and cut, not whole rows."""
        sql = f"SELECT * FROM jobs WHERE id IN (SELECT id FROM jobs {which})"  # noqa: S608 - ours
        order = which.partition(" ORDER BY ")[2].partition(" LIMIT ")[0]
        return [job_of(row) for row in self._database.read(f"{sql} ORDER BY {order}", values)]

    def last_place(self, name: str, folder: str) -> Json | None:
        """What the newest job with this folder noted about it.

        Args:
            name: What it is to the job: "source", "output" or "originals".
            folder: The folder.
        """
        found = self._database.read(
            f"SELECT json_extract(found, '$.places.{name}') AS place FROM jobs"  # noqa: S608 - ours
            f" WHERE found IS NOT NULL AND json_extract(found, '$.places.{name}.folder') = :folder"
            " ORDER BY id DESC LIMIT 1",
            {"folder": to_text(folder)},  # of a name that is no text nothing is found
        )
        return json.loads(found[0]["place"]) if found else None

    # --- one job -----------------------------------------------------------------------------

    def events(self, job_id: int) -> list[Event]:
        """The job's history, the oldest line first."""
        found = self._database.read(
            "SELECT * FROM events WHERE job_id = :id ORDER BY id", {"id": job_id}
        )
        return [event_of(row) for row in found]

    def segments(self, job_id: int) -> list[Segment]:
        """The job's segments in their order."""
        found = self._database.read(f"{segment_rows.SEGMENTS} ORDER BY number", {"id": job_id})
        return [segment_of(row) for row in found]

    def segment(self, job_id: int, number: int) -> Segment | None:
        """One of the job's segments, or None where there is no such one yet."""
        found = self._database.read(
            f"{segment_rows.SEGMENTS} AND number = :number", {"id": job_id, "number": number}
        )
        return segment_of(found[0]) if found else None

    def painted(self, job_id: int) -> Painted:
        """How much of the job's film is painted."""
        (found,) = self._database.read(segment_rows.PAINTED, {"id": job_id})
        return Painted(*found)

    def shot(self, job_id: int, first: int) -> Shot | None:
        """What holds for a shot, by its first frame; None where no segment of it is closed yet.

        It is also None for a shot that has ended, and for one noted by another version in another
        form.
        """
        found = self._database.read(
            "SELECT * FROM shots WHERE job_id = :id AND first = :first",
            {"id": job_id, "first": first},
        )
        return shot_of(found[0]) if found else None

    def plans(self, job_id: int) -> list[Json]:
        """The execution plans of the job's segments, each once, in the order of the segments."""
        found = self._database.read(
            "SELECT plans.plan FROM segments JOIN plans ON plans.id = segments.plan"
            " WHERE job_id = :id GROUP BY plans.id ORDER BY min(number)",
            {"id": job_id},
        )
        return [json.loads(row["plan"]) for row in found]

    # --- paths and files ---------------------------------------------------------------------

    def is_output(self, path: bytes) -> bool:
        """Whether a job has put, or is putting, its output at this path."""
        return bool(
            self._database.read(
                "SELECT 1 FROM jobs WHERE target = :path AND state IN ('publishing', 'done')"
                " LIMIT 1",
                {"path": path},
            )
        )

    def is_source(self, path: bytes) -> bool:
        """Whether any job paints, or has painted, the film at this path."""
        return bool(
            self._database.read("SELECT 1 FROM jobs WHERE source = :path LIMIT 1", {"path": path})
        )

    def is_being_written(self, target: bytes, *, but_for: int) -> bool:
        """Whether a job other than `but_for` is on its way to put its output at this path."""
        return bool(
            self._database.read(
                "SELECT 1 FROM jobs WHERE target = :target AND id != :id"
                " AND state IN ('running', 'publishing') LIMIT 1",
                {"target": target, "id": but_for},
            )
        )

    def known_fingerprint(
        self, folder: bytes, relative: bytes, identity: FileIdentity
    ) -> str | None:
        """The fingerprint of a file that has not changed since it was recorded, or None."""
        found = self._database.read(
            "SELECT fingerprint FROM files WHERE folder = :folder AND relative = :relative"
            " AND device = :device AND inode = :inode AND size = :size"
            " AND mtime_ns = :mtime_ns AND ctime_ns = :ctime_ns",
            file_values(folder, relative, identity),
        )
        return str(found[0]["fingerprint"]) if found else None

    def device_of(self, key: JobKey) -> int | None:
        """Number of the file system that a job's file was last seen on, or None."""
        found = self._database.read(
            "SELECT device FROM files WHERE folder = :folder AND relative = :relative",
            {"folder": key.folder, "relative": key.relative},
        )
        # SQLite stores it with a sign: see `rows.file_values`.
        return found[0]["device"] % (1 << 64) if found else None

    # --- the daemon --------------------------------------------------------------------------

    def last_report(self) -> Json | None:
        """The last report of a daemon, whether it still runs or not."""
        found = self._database.read("SELECT report FROM daemon")
        if not found:
            return None
        facts: Json = json.loads(found[0]["report"])
        return facts
