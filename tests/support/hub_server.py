"""A server on this machine that answers as the Hugging Face hub does, for tests of downloads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from tests.support.hub_cache import COMMIT


@contextmanager
def serving(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve the repositories ``root/ORGANISATION/REPOSITORY``; yields the address and the requests, as they come."""
    requests: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self.wfile.write(self._answer())

        def _answer(self) -> bytes:
            place, _, file = self.path.strip("/").partition("/resolve/main/")
            requests.append(f"{self.command} {place}/{file}")
            path = root / place / file
            content = path.read_bytes() if path.is_file() else b""
            self.send_response(200 if path.is_file() else 404)
            self.send_header("X-Repo-Commit", COMMIT)
            if path.is_file():
                self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            else:
                self.send_header("X-Error-Code", "EntryNotFound" if path.parent.is_dir() else "RepoNotFound")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            return content

        def log_message(self, *words: object) -> None:
            """Say nothing on standard error."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
