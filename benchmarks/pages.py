"""Lighthouse's performance score of the built pages, against design targets."""

import functools
import http.server
import json
import shutil
import statistics
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "_build" / "html"
LIGHTHOUSE = ROOT / "node_modules" / "lighthouse" / "cli" / "index.js"
PAGES = ("book/index.html", "lessons/batching.html")
TARGETS = {"desktop": 95, "mobile": 85}


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server that does not report every request."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def score(address: str, form: str) -> float:
    """Return the performance score, 0 to 100, of one audit."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [
            *("node", str(LIGHTHOUSE), address, "--quiet", "--only-categories=performance"),
            *("--output=json", f"--output-path={report}"),
            *(["--preset=desktop"] if form == "desktop" else []),
            "--chrome-flags=--headless=new --no-sandbox",
        ]
        subprocess.run(command, check=True, capture_output=True)
        found = json.loads(report.read_text("utf-8"))
    return 100 * float(found["categories"]["performance"]["score"])


def run(rounds: int = 3) -> dict[str, Any] | None:
    """Audit the pages of the built site; None where there is no site or no Lighthouse."""
    if not SITE.exists() or not LIGHTHOUSE.exists() or not shutil.which("node"):
        return None
    handler = functools.partial(Quiet, directory=str(SITE))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f"http://127.0.0.1:{server.server_port}"
    scores = {
        f"{page}, {form}": statistics.median([score(f"{host}/{page}", form) for _ in range(rounds)])
        for page in PAGES
        for form in TARGETS
    }
    server.shutdown()
    return {
        "what": "Lighthouse performance, median of three audits",
        "scores": scores,
        "target": "at least 95 on a desktop, 85 on a phone",
        "met": all(found >= TARGETS[name.split(", ")[1]] for name, found in scores.items()),
    }
