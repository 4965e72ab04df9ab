"""Serve ``_build/html`` on this machine and rebuild it when a source changes."""

import argparse
import subprocess
import sys

from watchfiles import DefaultFilter, watch

from bookkit import ROOT
from bookkit.commands import build, host


def rebuild() -> None:
    """Build in a process of its own, so that edited code is read anew."""
    command = [sys.executable, "-m", "bookkit.commands.build"]
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        print("The site served is the last one that was built.", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    port = parser.parse_args().port
    server = host.serve(build.SITE, port)
    rebuild()
    print(f"Serving {host.address(server)}/ (Ctrl-C ends it)", flush=True)
    watched = [path for name in build.SOURCES if (path := ROOT / name).exists()]
    for _ in watch(*watched, watch_filter=DefaultFilter(), raise_interrupt=False):
        rebuild()
    server.shutdown()


if __name__ == "__main__":
    main()
