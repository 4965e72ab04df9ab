"""Serve a folder on this machine as public hosts do: text compressed, connections kept."""

import fnmatch
import functools
import gzip
import http.server
import io
import re
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO


class Handler(http.server.SimpleHTTPRequestHandler):
    """Static files that the browser asks for again each time, without a log line each."""

    protocol_version = "HTTP/1.1"

    def send_head(self) -> BinaryIO | None:
        path = Path(self.translate_path(self.path))
        kind = self.guess_type(path)
        asked = "gzip" in self.headers.get("Accept-Encoding", "")
        if not (asked and path.is_file() and re.search(r"text|javascript|json|svg", kind)):
            return super().send_head()
        content = gzip.compress(path.read_bytes())
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        return io.BytesIO(content)

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        for name, value in headers(Path(self.directory, "_headers"), self.path.partition("?")[0]):
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *_: object) -> None:
        pass


def headers(file: Path, path: str) -> list[tuple[str, str]]:
    """What a site's own ``_headers`` has every answer at a path say."""
    found, applies = [], False
    for line in file.read_text("utf-8").splitlines() if file.is_file() else []:
        if line.startswith("  "):
            name, _, value = line.strip().partition(": ")
            found += [(name, value)] if applies else []
        elif line:
            applies = fnmatch.fnmatchcase(path, line)
    return found


class Server(http.server.ThreadingHTTPServer):
    """Says nothing of browsers that leave before they have been answered."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def serve(folder: Path, port: int = 0) -> Server:
    """Start to serve a folder in a thread; port 0 takes any that is free."""
    handler = functools.partial(Handler, directory=str(folder))
    server = Server(("127.0.0.1", port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def address(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_port}"
