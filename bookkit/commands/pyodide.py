"""Take the browser's Python that JupyterLite's kernel names: npm's copy, and ``tests/pyodide.txt``.

``make lock`` calls it, so that the test of JupyterLite runs what readers run.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from jupyterlite_pyodide_kernel.constants import PYODIDE_VERSION

from bookkit import ROOT

LIST = ROOT / "tests" / "pyodide.txt"
# What the kernel imports when it starts, and what widgets need of the kernel's own packages.
ROOTS = ("ipython", "jedi", "micropip", "packaging", "pyodide-http", "typing-extensions")
HEAD = """\
# What starts with the kernel of JupyterLite, of the versions that its lock names: readers get them
# from its public host, tests/book/test_lite.py from here. Made by tests/pyodide.py.
"""
OPTIONS = ("--no-deps", "--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url")


def closure(packages: dict[str, dict[str, Any]]) -> list[str]:
    """The pins of these packages and all that they need, by Pyodide's lock."""
    waiting, found = list(ROOTS), set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [need.lower().replace("_", "-") for need in packages[name]["depends"]]
    return [f"{name}=={packages[name]['version']}" for name in sorted(found)]


def main() -> None:
    pyodide = f"pyodide@{PYODIDE_VERSION}"
    npm = ["npm", "install", "--silent", "--save-dev", "--save-exact", pyodide]
    subprocess.run(npm, cwd=ROOT, check=True)
    lock = json.loads((ROOT / "node_modules/pyodide/pyodide-lock.json").read_text("utf-8"))
    python = ".".join(lock["info"]["python"].split(".")[:2])
    with tempfile.NamedTemporaryFile("w", suffix=".in") as wanted:
        wanted.write("\n".join(closure(lock["packages"])))
        wanted.flush()
        uv = [str(Path(sys.executable).with_name("uv")), "pip", "compile", "--quiet"]
        command = [*uv, *OPTIONS, "--python-version", python, wanted.name]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    LIST.write_text(HEAD + done.stdout, "utf-8")


if __name__ == "__main__":
    main()
