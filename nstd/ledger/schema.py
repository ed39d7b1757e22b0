"""The ledger's tables, as numbered migrations: each is committed together with its own record.

The record is `PRAGMA user_version`, which SQLite keeps in the database's header and so commits or
rolls back with everything else. A released migration is never edited: each change is a further
entry of `MIGRATIONS`.
"""

import sqlite3

from nstd.errors import LedgerError

OLDEST_SQLITE = (3, 40, 0)

APPLICATION_ID = 0x6E737464
"""ASCII "nstd" in the database's header, which tells a ledger from other programs' databases."""

_FRAMES_AND_FILE = """
        job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
        number INTEGER NOT NULL CHECK (number >= 0),
        first INTEGER NOT NULL CHECK (first >= 0),
        last INTEGER CHECK (last >= first),
        depends_on INTEGER CHECK (depends_on < number),
        path TEXT,
        digest TEXT
"""
"""Columns of a segment in every version."""

_LEDGER = (
    """
    CREATE TABLE jobs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice: work folders are named by it
        folder BLOB NOT NULL,
        relative BLOB NOT NULL,
        fingerprint TEXT NOT NULL,
        recipe_name TEXT NOT NULL,
        generation INTEGER NOT NULL CHECK (generation > 0),  -- the same work asked for again
        source BLOB NOT NULL,
        target BLOB NOT NULL,
        recipe TEXT NOT NULL CHECK (json_valid(recipe)),
        output TEXT NOT NULL CHECK (json_valid(output)),
        priority INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN (
            'queued', 'running', 'publishing', 'done', 'failed', 'canceled', 'vanished')),
        paused INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
        attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
        created REAL NOT NULL,
        updated REAL NOT NULL,
        not_before REAL NOT NULL DEFAULT 0,
        hold_reason TEXT,
        plan TEXT CHECK (plan IS NULL OR json_valid(plan)),
        error TEXT,
        frames_done INTEGER NOT NULL DEFAULT 0 CHECK (frames_done >= 0),
        frames_total INTEGER NOT NULL DEFAULT 0 CHECK (frames_total >= 0),
        part TEXT CHECK (part IS NULL OR json_valid(part)),
        token INTEGER NOT NULL DEFAULT 0,
        worker TEXT,
        pid INTEGER,
        pid_started INTEGER,
        boot TEXT,
        lease_seconds REAL NOT NULL DEFAULT 0,
        lease_until REAL NOT NULL DEFAULT 0,
        CHECK ((state IN ('running', 'publishing')) = (worker IS NOT NULL)),
        UNIQUE (folder, relative, fingerprint, recipe_name, generation)
    ) STRICT
    """,
    "CREATE INDEX jobs_by_turn ON jobs (state, priority DESC, id)",
    "CREATE INDEX jobs_by_target ON jobs (target)",
    f"""
    CREATE TABLE segments (
        {_FRAMES_AND_FILE},
        carried TEXT NOT NULL DEFAULT '{{}}' CHECK (json_valid(carried)),
        plan TEXT CHECK (plan IS NULL OR json_valid(plan)),  -- the job's when it was opened
        opened REAL NOT NULL,
        closed REAL,
        token INTEGER NOT NULL DEFAULT 0,
        worker TEXT,
        pid INTEGER,
        pid_started INTEGER,
        boot TEXT,
        lease_seconds REAL NOT NULL DEFAULT 0,
        lease_until REAL NOT NULL DEFAULT 0,
        CHECK ((path IS NULL) = (digest IS NULL)),
        CHECK (path IS NULL OR last IS NOT NULL),
        PRIMARY KEY (job_id, number),
        FOREIGN KEY (job_id, depends_on) REFERENCES segments (job_id, number)
    ) STRICT
    """,
    """
    CREATE TABLE events (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        job_id INTEGER NOT NULL REFERENCES jobs (id),
        at REAL NOT NULL,
        before TEXT,
        after TEXT NOT NULL,
        worker TEXT,
        reason TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX events_by_job ON events (job_id, id)",
    """
    CREATE TRIGGER events_stay_as_written BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'events are only ever added'); END
    """,
    """
    CREATE TRIGGER events_stay BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'events are only ever added'); END
    """,
    """
    CREATE TABLE files (
        folder BLOB NOT NULL,
        relative BLOB NOT NULL,
        device INTEGER NOT NULL,
        inode INTEGER NOT NULL,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        ctime_ns INTEGER NOT NULL,
        fingerprint TEXT NOT NULL,
        recorded REAL NOT NULL,
        PRIMARY KEY (folder, relative)
    ) STRICT, WITHOUT ROWID
    """,
    f"PRAGMA application_id = {APPLICATION_ID}",
)

_DAEMON = (
    """
    CREATE TABLE daemon (
        id INTEGER PRIMARY KEY CHECK (id = 1),  -- there is one at a time
        updated REAL NOT NULL,
        report TEXT NOT NULL CHECK (json_valid(report))
    ) STRICT
    """,
)

_ONE_FRAME_AT_A_TIME = (
    *(
        f"ALTER TABLE segments DROP COLUMN {column}"
        for column in (
            "token",
            "worker",
            "pid",
            "pid_started",
            "boot",
            "lease_seconds",
            "lease_until",
        )
    ),
    "UPDATE jobs SET plan = json_remove(plan, '$.batch') WHERE plan IS NOT NULL",
    "UPDATE segments SET plan = json_remove(plan, '$.batch') WHERE plan IS NOT NULL",
)
"""Segments had their own leases, which nothing used, since whoever holds the job paints them. Plans
had a batch of 1, since frames are painted one by one."""

_WHOLE_JOBS_MAY_GO = (
    "DROP TRIGGER events_stay",
    """
    CREATE TRIGGER events_stay BEFORE DELETE ON events
    WHEN EXISTS (SELECT 1 FROM jobs WHERE id = OLD.job_id)
    BEGIN SELECT RAISE(ABORT, 'events are only ever added'); END
    """,
)
"""Events can be removed after their job, but not while the job is there."""

_NOTES = ("ALTER TABLE jobs ADD COLUMN note TEXT NOT NULL DEFAULT ''",)

_BY_CONTENT = ("CREATE INDEX jobs_by_content ON jobs (fingerprint)",)

_FOUND = ("ALTER TABLE jobs ADD COLUMN found TEXT CHECK (found IS NULL OR json_valid(found))",)
"""The disks of the folders of the film, its output and its originals, as they were when the job was
queued; NULL in older jobs."""

_KINDS = ("ALTER TABLE jobs ADD COLUMN kind TEXT",)
"""The kind of the error that `error` or `hold_reason` describes."""

_BY_PLACE = tuple(
    f"CREATE INDEX jobs_by_{name}_place"
    f" ON jobs (json_extract(found, '$.places.{name}.folder'), id) WHERE found IS NOT NULL"
    for name in ("source", "output", "originals")
)

_REPORT = ("ALTER TABLE jobs ADD COLUMN report TEXT CHECK (report IS NULL OR json_valid(report))",)
"""What was found out about a film before and while it was painted; NULL if nothing was."""

_SHOTS = (
    """
    CREATE TABLE shots (
        job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
        first INTEGER NOT NULL CHECK (first >= 0),
        energies TEXT NOT NULL CHECK (json_valid(energies)),
        settled TEXT CHECK (settled IS NULL OR json_valid(settled)),
        tone TEXT CHECK (tone IS NULL OR json_valid(tone)),
        palette TEXT CHECK (palette IS NULL OR json_valid(palette)),
        PRIMARY KEY (job_id, first)
    ) STRICT
    """,
    "CREATE TABLE plans (id INTEGER PRIMARY KEY, plan TEXT NOT NULL UNIQUE) STRICT",
    "INSERT INTO plans (plan) SELECT DISTINCT plan FROM segments WHERE plan IS NOT NULL",
    # Finished jobs need no shots. Shots in another version's form are left out: a film that needs
    # one is refused with a sentence when it is continued.
    """
    INSERT OR REPLACE INTO shots
    SELECT job_id, carried ->> '$.shot.first', carried -> '$.shot.energies',
        CASE WHEN json_type(carried, '$.shot.settled') IN ('real', 'integer')
            THEN carried -> '$.shot.settled' END,
        CASE json_type(carried, '$.shot.tone') WHEN 'object'
            THEN json_remove(carried -> '$.shot.tone', '$.palette') END,
        carried -> '$.shot.tone.palette'
    FROM segments AS closed JOIN jobs ON jobs.id = job_id
    WHERE jobs.state != 'done' AND NOT EXISTS (
            SELECT 1 FROM segments AS after
            WHERE after.job_id = closed.job_id AND after.number = closed.number + 1
                AND (after.path IS NOT NULL OR after.depends_on IS NULL))
        AND json_type(carried, '$.shot.first') = 'integer'
        AND json_type(carried, '$.shot.energies') = 'array'
    ORDER BY job_id, number
    """,
    f"""
    CREATE TABLE lean_segments (
        {_FRAMES_AND_FILE},
        shot INTEGER,
        frames TEXT CHECK (frames IS NULL OR json_valid(frames)),
        first_pts INTEGER,
        end_pts INTEGER,
        damaged INTEGER NOT NULL DEFAULT 0,
        plan INTEGER REFERENCES plans (id),  -- the job's when it was opened
        opened REAL NOT NULL,
        closed REAL,
        CHECK ((path IS NULL) = (digest IS NULL)),
        CHECK (path IS NULL OR last IS NOT NULL),
        PRIMARY KEY (job_id, number),
        FOREIGN KEY (job_id, depends_on) REFERENCES lean_segments (job_id, number)
    ) STRICT, WITHOUT ROWID
    """,
    """
    INSERT INTO lean_segments
    SELECT job_id, number, first, last, depends_on, path, digest,
        carried ->> '$.shot.first', coalesce(carried -> '$.frames', '[]'),
        carried ->> '$.first_pts', carried ->> '$.end_pts',
        coalesce(carried ->> '$.damaged', 0), plans.id, opened, closed
    FROM segments LEFT JOIN plans ON plans.plan = segments.plan
    ORDER BY job_id, number
    """,
    "DROP TABLE segments",
    "ALTER TABLE lean_segments RENAME TO segments",
)
"""What all segments of a shot share is stored once, and so is each plan. A segment's row takes 200
bytes; before, each had a copy of its shot's palette, of 17 KB. Values of shots stay JSON, numbers
too: SQLite's own reading of decimals may be off in the last bit."""

_BY_QUESTION = (
    "DROP INDEX jobs_by_turn",
    "CREATE INDEX jobs_by_turn ON jobs (state, priority DESC, attempts > 1, id)",
    "CREATE INDEX jobs_by_state ON jobs (state, id)",
    "CREATE INDEX jobs_by_attempts ON jobs (state, attempts)",
    "CREATE INDEX jobs_by_source ON jobs (source)",
    """
    CREATE INDEX jobs_that_wait ON jobs (id, paused, not_before)
    WHERE state = 'queued' AND (paused OR not_before > 0)
    """,
    "CREATE INDEX jobs_unsettled ON jobs (id) WHERE state = 'done' AND hold_reason IS NOT NULL",
    "CREATE INDEX jobs_noted ON jobs (id, updated, state) WHERE note != ''",
    "CREATE INDEX segments_by_need ON segments (job_id, depends_on)",
)
"""So that no question that is asked often looks at each job. The last is for SQLite itself: when a
segment is removed it looks whether another one depends on it."""

_NO_TONE = ("ALTER TABLE shots DROP COLUMN tone",)
"""Light and contrast of a shot's first frame, which later ones were held to."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    _LEDGER,
    _DAEMON,
    _ONE_FRAME_AT_A_TIME,
    _WHOLE_JOBS_MAY_GO,
    _NOTES,
    _BY_CONTENT,
    _FOUND,
    _KINDS,
    _BY_PLACE,
    _REPORT,
    _SHOTS,
    _BY_QUESTION,
    _NO_TONE,
)
"""Entry n - 1 holds the statements that take a ledger from version n - 1 to version n."""


def migrate(
    connection: sqlite3.Connection, migrations: tuple[tuple[str, ...], ...] = MIGRATIONS
) -> None:
    """Bring the database to the newest version, unless it has that already.

    Args:
        connection: In autocommit mode (`isolation_level=None`).
        migrations: All migrations, from the first to the newest.

    Raises:
        LedgerError: It is another program's database, was written by a newer nstd, or this
            Python's SQLite is too old.
        sqlite3.Error: For the caller to translate.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        raise LedgerError(
            f"The ledger needs SQLite {oldest}, and this Python has {sqlite3.sqlite_version}",
            "Use a Python that was built with a newer SQLite",
        )
    while version_of(connection, migrations) < len(migrations):
        connection.execute("BEGIN IMMEDIATE")
        try:
            _one_step(connection, migrations)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def version_of(
    connection: sqlite3.Connection, migrations: tuple[tuple[str, ...], ...] = MIGRATIONS
) -> int:
    """The version of the database, 0 for an empty one; refuses what this nstd must not touch.

    Raises:
        LedgerError: As for `migrate`.
    """
    # In one statement: between two, another process may create the ledger.
    tables, owner, version = connection.execute(
        "SELECT (SELECT count(*) FROM sqlite_schema), application_id, user_version"
        " FROM pragma_application_id, pragma_user_version"
    ).fetchone()
    if tables and owner != APPLICATION_ID:
        raise LedgerError(
            "The ledger's file is a database of another program",
            "Set another state_dir in config.yaml",
        )
    if version > len(migrations):
        raise LedgerError(
            f"The ledger was written by a newer nstd (its version is {version}, "
            f"this nstd knows {len(migrations)})",
            "Upgrade nstd, or set another state_dir in config.yaml",
        )
    return int(version)


def _one_step(connection: sqlite3.Connection, migrations: tuple[tuple[str, ...], ...]) -> None:
    """Run the next migration and record it, inside the caller's transaction."""
    # Read again under the write lock: another process may have migrated while this one waited.
    version = version_of(connection, migrations)
    if version == len(migrations):
        return
    for statement in migrations[version]:
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {version + 1}")
