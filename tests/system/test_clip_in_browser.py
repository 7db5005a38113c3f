"""What is kept and exported of a throw plays in a browser: the file from a web server, in a real one without a window."""

import contextlib
import json
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from harness import process, wait_for

from edgeguard.camera.exporting import export_piece
from edgeguard.camera.watch_file import watch_file
from edgeguard.core.facade import FacadeSpec
from edgeguard.testing import film

pytestmark = pytest.mark.slow

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
MASK = ((0.0, 0.0), (60.0, 0.0), (60.0, 240.0), (0.0, 240.0))
PAGE = b"""<!doctype html><video id="clip" muted src="clip.mp4"></video><script>
const clip = document.getElementById("clip"), seen = [];
const say = facts => fetch("said", {method: "POST", body: JSON.stringify(facts)});
clip.onerror = () => say({error: clip.error.message || clip.error.code});
clip.ontimeupdate = () => seen.push(clip.currentTime);
clip.onended = () => {
  const quality = clip.getVideoPlaybackQuality();
  say({can: clip.canPlayType('video/mp4; codecs="avc1.640028"'), at: clip.currentTime, lasts: clip.duration, seen,
       size: [clip.videoWidth, clip.videoHeight], shown: quality.totalVideoFrames, broken: quality.corruptedVideoFrames || 0});
};
clip.playbackRate = 4;
clip.play().catch(error => say({error: String(error)}));
</script>"""


class Site(ThreadingHTTPServer):
    """The page with one clip, and what the page has said."""

    def __init__(self, clip: Path) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.content = {"/": (b"text/html", PAGE), "/clip.mp4": (b"video/mp4", clip.read_bytes())}
        self.said: list[dict[str, object]] = []


class Answers(BaseHTTPRequestHandler):
    """Whole files, as a plain web server gives them."""

    server: Site

    def do_GET(self) -> None:
        kind, body = self.server.content.get(self.path, (b"", b""))
        self.send_response(200 if kind else 404)
        self.send_header("Content-Type", kind.decode())
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.server.said.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *said: object) -> None:
        """Nothing on the console."""


@contextmanager
def browser(url: str, folder: Path) -> Iterator[None]:
    """A browser that shows the page until the block ends."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no browser is installed: apt-get install chromium-headless-shell")
    bare = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--autoplay-policy=no-user-gesture-required"]
    own = [f"--user-data-dir={folder / 'profile'}", "--remote-debugging-port=0"]
    with process([found, *bare, *own, url], folder / "browser.log", start_new_session=True) as child:
        try:
            yield
        finally:
            # what is called may be a script that starts the browser, and leaves it behind
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)


@pytest.mark.parametrize("masked", [False, True], ids=["as the camera sent it", "with its masks burnt in"])
def test_what_is_exported_of_a_throw_plays_in_a_browser_to_its_end(tmp_path: Path, masked: bool) -> None:
    throw = film.write(tmp_path / "throw.mp4", film.drawn(25))
    facade = FacadeSpec(size=(320, 240), masks=(MASK,) if masked else ())
    (found,) = watch_file(throw, facade, tmp_path).found
    kept = found.kept
    assert kept is not None
    clip = export_piece(kept.clip, kept.picture, kept.record, facade, tmp_path / "out")[0]
    assert clip.name.endswith(".masked.mp4") is masked
    site = Site(clip)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    try:
        with browser(f"http://127.0.0.1:{site.server_address[1]}/", tmp_path):
            wait_for(lambda: bool(site.said), "the end of the clip", 90)
    finally:
        site.shutdown()
        site.server_close()
    said = site.said[0]
    assert "error" not in said, said
    assert said["can"] == "probably"
    assert (said["size"], said["broken"]) == ([320, 240], 0)
    assert said["lasts"] == pytest.approx(5.0, abs=0.1)
    assert said["at"] == pytest.approx(5.0, abs=0.1)
    seen = said["seen"]
    assert isinstance(seen, list)
    shown = said["shown"]
    assert isinstance(shown, int)
    assert len(set(seen)) > 1, "the time goes on"
    assert shown > 25, "picture by picture"
    assert seen == sorted(seen)
