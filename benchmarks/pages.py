"""Lighthouse's performance score of the built pages, against design targets."""

import json
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from bookkit.commands import host

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "_build" / "html"
LIGHTHOUSE = ROOT / "node_modules" / "lighthouse" / "cli" / "index.js"
TARGETS = {"desktop": 95, "mobile": 85}


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
    pages = ["book/index.html", *(f"lessons/{one.name}" for one in SITE.glob("lessons/*.html"))]
    server = host.serve(SITE)
    site = host.address(server)
    scores = {
        f"{page}, {form}": statistics.median([score(f"{site}/{page}", form) for _ in range(rounds)])
        for page in sorted(pages)
        for form in TARGETS
    }
    server.shutdown()
    return {
        "what": "Lighthouse performance, median of three audits",
        "scores": scores,
        "target": "at least 95 on a desktop, 85 on a phone",
        "met": all(found >= TARGETS[name.split(", ")[1]] for name, found in scores.items()),
    }
