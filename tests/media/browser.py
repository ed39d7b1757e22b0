"""Films played in a real browser: Debian's Chromium, without a window."""

import json
import shutil
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PATIENCE = 120
"""Seconds that all films may take."""

_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--autoplay-policy=no-user-gesture-required", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--mute-audio",
)  # fmt: skip

_PAGE = """<!doctype html><title>films</title><script>
const pause = (ms) => new Promise(done => setTimeout(done, ms));
async function play(name) {
  const film = document.createElement("video"), context = new AudioContext();
  const listener = context.createAnalyser(), wave = new Float32Array(listener.fftSize);
  context.createMediaElementSource(film).connect(listener).connect(context.destination);
  document.body.append(film);
  let over = false, loudest = 0;
  film.onended = film.onerror = () => { over = true; };
  film.src = name;
  film.play().catch(() => { over = true; });
  for (let waited = 0; !over && waited < 20000; waited += 10) {
    await pause(10);
    listener.getFloatTimeDomainData(wave);
    loudest = Math.max(loudest, ...wave.map(Math.abs));
  }
  const found = {
    name, ended: film.ended, error: film.error && film.error.message, loudest,
    duration: film.duration, time: film.currentTime, width: film.videoWidth,
    height: film.videoHeight, frames: film.getVideoPlaybackQuality().totalVideoFrames,
    sound: film.webkitAudioDecodedByteCount,
  };
  film.remove();
  context.close();
  return found;
}
onload = async () => {
  const found = [];
  for (const name of NAMES) found.push(await play(name));
  await fetch("/", {method: "POST", body: JSON.stringify(found)});
};
</script><body>"""


def chromium() -> str | None:
    """The program, where it is installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def play(films: Sequence[Path], home: Path) -> Mapping[str, Mapping[str, Any]]:
    """Play films one after the other to their end; what the browser says of each, by its name."""
    answer: list[Mapping[str, Any]] = []
    told = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.path.strip("/")
            found = next((film for film in films if film.name == wanted), None)
            if found is None:
                names = json.dumps([film.name for film in films])
                self._send(_PAGE.replace("NAMES", names).encode(), "text/html; charset=utf-8")
            else:
                self._send(found.read_bytes(), "video/mp4")

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            answer.extend(json.loads(self.rfile.read(length)))
            self._send(b"", "text/plain")
            told.set()

        def _send(self, content: bytes, kind: str) -> None:
            begin, end = 0, len(content)
            asked = self.headers.get("Range", "")
            if asked.startswith("bytes="):
                first, _, last = asked.removeprefix("bytes=").partition("-")
                begin, end = int(first), int(last) + 1 if last else end
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{len(content)}")
            else:
                self.send_response(200)
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(end - begin))
            self.end_headers()
            self.wfile.write(content[begin:end])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its base's name
            pass

    with _served(Handler) as port:
        program = chromium()
        assert program is not None
        log = home / "chromium.log"
        home.mkdir(parents=True, exist_ok=True)
        command = [program, *_FLAGS, f"--user-data-dir={home}", f"http://127.0.0.1:{port}/"]
        with log.open("wb") as said:
            browser = subprocess.Popen(command, stdout=said, stderr=said, start_new_session=True)
            try:
                assert told.wait(PATIENCE), log.read_text("utf-8", "replace")
            finally:
                browser.terminate()
                browser.wait(30)
    return {one["name"]: one for one in answer}


@contextmanager
def _served(handler: type[BaseHTTPRequestHandler]):  # type: ignore[no-untyped-def]
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
