"""A real HTTP server of one file on the loopback interface, which misbehaves as it is told."""

import contextlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Origin:
    """What the server sends, how it misbehaves, and what it was asked."""

    content: bytes
    etag: str | None = '"first"'
    last_modified: str | None = None
    status: int = 200
    has_ranges: bool = True
    minds_if_range: bool = True
    says_length: bool = True
    cut_after: int | None = None
    stall_after: int | None = None
    released: threading.Event = field(default_factory=threading.Event)
    ranges: list[str | None] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)


class Server(http.server.ThreadingHTTPServer):
    """Serves one `Origin`, under any path."""

    daemon_threads = False  # so that closing waits for every answer's thread

    def __init__(self, origin: Origin) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.origin = origin

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/models/vgg19.pth"


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with ranges as RFC 9110 says, except for what the origin is told to get wrong."""

    server: Server

    def do_GET(self) -> None:
        origin = self.server.origin
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", self.server.url)
            self.end_headers()
            return
        origin.ranges.append(self.headers["Range"])
        if origin.status != 200:
            self.send_error(origin.status)
            return
        start = self._start(origin)
        if start >= len(origin.content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            last = len(origin.content) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(origin.content)}")
        if origin.says_length:
            self.send_header("Content-Length", str(len(origin.content) - start))
        if origin.etag:
            self.send_header("ETag", origin.etag)
        if origin.last_modified:
            self.send_header("Last-Modified", origin.last_modified)
        self.end_headers()
        self._send(origin, origin.content[start:])

    def _start(self, origin: Origin) -> int:
        asked = self.headers["Range"]
        if asked is None or not origin.has_ranges:
            return 0
        current = {origin.etag, origin.last_modified}
        if origin.minds_if_range and self.headers["If-Range"] not in current:
            return 0
        return int(asked.removeprefix("bytes=").removesuffix("-"))

    def _send(self, origin: Origin, body: bytes) -> None:
        end = min(
            len(body) if limit is None else limit
            for limit in (origin.cut_after, origin.stall_after, len(body))
        )
        # The client may have gone, which is what some tests are about.
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body[:end])
            self.wfile.flush()
        origin.sent.append(end)
        if origin.stall_after is not None:
            origin.released.wait(60)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Stay silent."""


@contextlib.contextmanager
def serving(origin: Origin) -> Iterator[Server]:
    """Serve `origin` as long as the block lasts; its threads end with it."""
    before = set(threading.enumerate())
    with Server(origin) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            origin.released.set()
            server.shutdown()
            thread.join()
    assert set(threading.enumerate()) == before
