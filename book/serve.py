"""Serve ``_build/html`` on this machine and rebuild it when a source changes."""

import argparse
import functools
import http.server
import subprocess
import sys
import threading

from watchfiles import DefaultFilter, watch

import build


class Handler(http.server.SimpleHTTPRequestHandler):
    """Static files that the browser asks for again each time, without a log line each."""

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, *_: object) -> None:
        pass


def rebuild() -> None:
    """Build in a process of its own, so that edited code is read anew."""
    command = [sys.executable, str(build.ROOT / "book" / "build.py")]
    if subprocess.run(command, check=False).returncode:
        print("The site served is the last one that was built.", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    port = parser.parse_args().port
    handler = functools.partial(Handler, directory=str(build.SITE))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/"
    rebuild()
    print(f"Serving {address} (Ctrl-C ends it)", flush=True)
    watched = [path for name in build.SOURCES if (path := build.ROOT / name).exists()]
    for _ in watch(*watched, watch_filter=DefaultFilter(), raise_interrupt=False):
        rebuild()
    server.shutdown()


if __name__ == "__main__":
    main()
