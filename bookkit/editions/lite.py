"""JupyterLite inside the site: its notebooks, and the wheels they need, in a Jupyter on a page.

The kernel's Python and what is compiled for it come from its own public host when a reader opens
it; ``labs`` and the packages of widgets come from the site.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sphinx.errors import SphinxError

from bookkit import ROOT
from bookkit.editions import installation, wheels

if TYPE_CHECKING:
    from sphinx.application import Sphinx

    from bookkit.site import Site

FOLDER = "lite"
WHEELS = ROOT / ".venv" / "wheels"
KERNEL = {"display_name": "Python (Pyodide)", "language": "python", "name": "python"}
APPS = ("lab", "repl")
EXTENSIONS = (
    "@jupyter-widgets/jupyterlab-manager",
    "@jupyterlite/pyodide-kernel-extension",
    "anywidget",
)


def contents(notebooks: Path, folder: Path) -> Path:
    """Copy the notebooks, for the kernel there is and to install from the site's own wheels.

    For a kernel of another name a dialog would ask.
    """
    for path in notebooks.rglob("*.ipynb"):
        notebook = json.loads(path.read_text("utf-8"))
        notebook["metadata"]["kernelspec"] = KERNEL
        notebook["cells"][0]["source"] = installation.lite()
        copy = folder / path.relative_to(notebooks)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(json.dumps(notebook, ensure_ascii=False, indent=1), "utf-8")
    return folder


def settings(site: Path, notebooks: Path) -> dict[str, Any]:
    """Return what JupyterLite is to be built of: these extensions, whatever else is installed."""
    share = Path(sys.prefix, "share", "jupyter", "labextensions")
    found = [*sorted(WHEELS.glob("*.whl")), *sorted((site / wheels.FOLDER).glob("*.whl"))]
    if not list(WHEELS.glob("*.whl")):
        raise SphinxError(f"there are no wheels in {WHEELS.relative_to(ROOT)}: run make book")
    return {
        "LiteBuildConfig": {
            "apps": list(APPS),
            "contents": [str(notebooks)],
            "federated_extensions": [str(share / name) for name in EXTENSIONS],
            "ignore_sys_prefix": ["federated_extensions"],
            "no_sourcemaps": True,
            "output_dir": str(site / FOLDER),
        },
        "PipliteAddon": {"piplite_urls": list(map(str, found))},
    }


def watch(lite: Path) -> None:
    """Have its pages say so from disk, and where the host of the kernel's Python is silent."""
    # Only what builds it has the kernel; the book by Sphinx alone has not.
    from jupyterlite_pyodide_kernel.constants import PYODIDE_CDN_URL, PYODIDE_MJS

    python = f"{PYODIDE_CDN_URL}/{PYODIDE_MJS}"
    address = f"../../_static/page/network.js?python={quote(python, safe='')}"
    script = f'<script defer src="{address}"></script>'
    for name in APPS:
        page = lite / name / "index.html"
        text = page.read_text("utf-8")
        page.write_text(text.replace("</head>", f"  {script}\n  </head>", 1), "utf-8")


def build(site: Path) -> None:
    """Build it below a site."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "jupyter_lite_config.json")
        notebooks = contents(site / "notebooks", Path(folder, "notebooks"))
        config.write_text(json.dumps(settings(site, notebooks)), "utf-8")
        command = [sys.executable, "-m", "jupyterlite_core", "build", "--config", str(config)]
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "JUPYTER_PREFER_ENV_PATH": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    if done.returncode:
        raise SphinxError(f"JupyterLite was not built:\n{done.stdout[-3000:]}")
    watch(site / FOLDER)


def add(site: Site) -> None:
    """Build it, in a book that has it."""
    if site.app.config.jupyterlite:
        build(site.out)


def setup(app: Sphinx) -> None:
    """Register the setting."""
    app.add_config_value("jupyterlite", True, "env", bool)
