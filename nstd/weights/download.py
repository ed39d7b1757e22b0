"""One file over HTTP: resumed where it stopped, given up within seconds if nothing arrives.

The partly fetched file lies at `part`, and beside it `part` + ".json" with what identifies the
file's version (entity tag or modification date), so that the rest is requested only of that
version. What arrives is not trusted: the caller checks its hash.
"""

import contextlib
import http.client
import json
import logging
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from nstd.errors import DiskFullError, DownloadError, from_os_error
from nstd.files import size_text

logger = logging.getLogger(__name__)

OnBytes = Callable[[int, int | None], None]
"""Called with the bytes at hand and the file's length, if known, as they grow."""

_CHUNK = 1 << 20


class _Response(Protocol):
    """What is used of `http.client.HTTPResponse`."""

    status: int
    headers: http.client.HTTPMessage

    def read1(self, n: int = -1, /) -> bytes: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Version:
    """Which version of the file a partly fetched file belongs to.

    Attributes:
        url: Where it came from.
        validator: Its strong entity tag, or else its date; without one it cannot be resumed.
        length: Its length in bytes, if the server said so.
    """

    url: str
    validator: str | None
    length: int | None


def download(
    url: str,
    part: Path,
    *,
    progress: OnBytes | None = None,
    timeout: float = 10.0,
    reserve: int = 0,
) -> None:
    """Fetch `url` into `part`, which is complete when this returns.

    Args:
        url: An http or https address; proxies of the environment are honored.
        part: The file to fill or to continue; its folder exists, and the caller holds its lock.
        progress: Called with (bytes at hand, length or None).
        timeout: Seconds without a byte after which the server is given up.
        reserve: Bytes that must stay free on the disk beyond the file itself.

    Raises:
        DownloadError: The server is not there, refuses, stalls or stops early; the part is kept.
        StorageError: The disk is full or cannot be written.
    """
    version = _read_version(part, url)
    have = _size(part) if version is not None else 0
    if version is not None and have and have == version.length:
        _report(progress, have, have)
        return
    response = _request(url, have, version, timeout)
    if response is None:
        logger.info("%s has changed or cannot be continued: starting anew", url)
        discard(part)
        response = _request(url, 0, None, timeout)
    if response is None:
        raise DownloadError(f"{url} answers with a part that was not asked for")
    with contextlib.closing(response):
        start = have if response.status == http.HTTPStatus.PARTIAL_CONTENT else 0
        if not start or version is None:
            version = _version(url, response)
        _require_space(part, version, start, reserve)
        _write_version(part, version)
        _receive(response, part, start, version, progress)


def discard(part: Path) -> None:
    """Remove a part and what is noted about it.

    Raises:
        StorageError: They cannot be removed.
    """
    try:
        part.unlink(missing_ok=True)
        _notes(part).unlink(missing_ok=True)
    except OSError as error:
        raise from_os_error(error, part, "removing") from error


def _request(url: str, have: int, version: _Version | None, timeout: float) -> _Response | None:
    """Ask for the file from byte `have` on; None if the answer cannot continue what is there."""
    if not re.match(r"https?://", url):
        raise DownloadError(f"{url} is not an http or https address", "Correct the address")
    request = urllib.request.Request(url, headers={"User-Agent": "nstd"})  # noqa: S310 - checked
    if have and version is not None and version.validator:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", version.validator)
    try:
        response: _Response = urllib.request.build_opener().open(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        with error:
            if have and error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                return None
            raise _refused(url, error) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _unreachable(url, error, timeout) from error
    if response.status == http.HTTPStatus.PARTIAL_CONTENT and not _continues(
        response, have, version
    ):
        response.close()
        return None
    return response


def _continues(response: _Response, have: int, version: _Version | None) -> bool:
    """Tell whether a partial answer is the rest of the very file that was begun."""
    if version is None or not have:
        return False
    span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    same_length = span is not None and span[2] in {"*", str(version.length)}
    validator = _validator(response)  # a server may repeat it, and need not have obeyed If-Range
    return (
        span is not None
        and int(span[1]) == have
        and (same_length or version.length is None)
        and validator in {None, version.validator}
    )


def _receive(
    response: _Response, part: Path, start: int, version: _Version, progress: OnBytes | None
) -> None:
    """Write what arrives into `part` from byte `start` on, until the file is complete."""
    have = start
    _report(progress, have, version.length)
    try:
        with part.open("ab" if start else "wb") as file:
            while chunk := _next_chunk(response, version.url):
                file.write(chunk)
                have += len(chunk)
                _report(progress, have, version.length)
    except OSError as error:
        raise from_os_error(error, part, "writing") from error
    if version.length is not None and have < version.length:
        raise DownloadError(
            f"The connection to {version.url} ended after {have} of {version.length} bytes"
        )


def _next_chunk(response: _Response, url: str) -> bytes:
    """Read what has arrived, or b"" at the end."""
    try:
        return response.read1(_CHUNK)
    except TimeoutError as error:
        raise DownloadError(f"{url} stalled: no more bytes came") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DownloadError(f"The connection to {url} broke off ({error})") from error


def _require_space(part: Path, version: _Version, start: int, reserve: int) -> None:
    """Raise `DiskFullError` before the first byte if the last one would not fit."""
    if version.length is None:
        return
    needed = version.length - start + reserve
    try:
        free = shutil.disk_usage(part.parent).free
    except OSError as error:
        raise from_os_error(error, part.parent, "asking for the free space of") from error
    if free < needed:
        raise DiskFullError(
            f"Fetching {version.url} needs {size_text(needed)} in {part.parent}, "
            f"where {size_text(free)} are free",
            "Free some space, or choose another cache folder",
        )


def _version(url: str, response: _Response) -> _Version:
    """Note what the server says about a file that it sends from the beginning."""
    body = response.headers.get("Content-Length", "")
    length = int(body) if body.isdigit() else None
    return _Version(url, _validator(response), length)


def _validator(response: _Response) -> str | None:
    """Choose what If-Range compares: a strong entity tag, or else the date."""
    tag: str | None = response.headers.get("ETag")
    if tag is not None and not tag.startswith("W/"):
        return tag
    return response.headers.get("Last-Modified")


def _read_version(part: Path, url: str) -> _Version | None:
    """Read what is noted about a partly fetched file; None if it cannot be continued from `url`."""
    try:
        noted = json.loads(_notes(part).read_text(encoding="utf-8"))
        version = _Version(noted["url"], noted["validator"], noted["length"])
    except FileNotFoundError:
        return None
    except OSError as error:
        raise from_os_error(error, _notes(part), "reading") from error
    except (ValueError, KeyError, TypeError) as error:
        logger.info("starting %s anew: its notes are unreadable (%s)", part, error)
        return None
    if version.url != url or not version.validator:
        return None
    return version


def _write_version(part: Path, version: _Version) -> None:
    """Note which version the part belongs to."""
    try:
        _notes(part).write_text(json.dumps(asdict(version)), encoding="utf-8")
    except OSError as error:
        raise from_os_error(error, _notes(part), "writing") from error


def _notes(part: Path) -> Path:
    """Name the file beside `part`."""
    return part.with_name(f"{part.name}.json")


def _size(part: Path) -> int:
    """Give the part's size; 0 if there is none."""
    try:
        return part.stat().st_size
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise from_os_error(error, part, "reading") from error


def _report(progress: OnBytes | None, have: int, length: int | None) -> None:
    """Tell the caller of the progress, if wanted."""
    if progress is not None:
        progress(have, length)


def _refused(url: str, error: urllib.error.HTTPError) -> DownloadError:
    """Say what the server's status means."""
    said = f"{url} answers {error.code} {error.reason}".rstrip()
    if error.code >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
        return DownloadError(said, "The server has trouble: try again later")
    return DownloadError(said, "The address may have moved: see whether a browser still finds it")


def _unreachable(url: str, error: Exception, timeout: float) -> DownloadError:
    """Say why there was no answer."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, TimeoutError):
        return DownloadError(f"{url} did not answer within {timeout:g} seconds")
    text = reason.strerror if isinstance(reason, OSError) and reason.strerror else str(reason)
    return DownloadError(
        f"{url} cannot be reached: {text or type(error).__name__}",
        "Check the network connection (and proxy), then try again",
    )
