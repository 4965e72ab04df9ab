"""What the results of a page's cells depend on: its code, and the files of ``labs`` behind it.

Code is read, not run. A module of ``labs`` is depended on by what imports it, wherever the import
stands, and by what only names it in a string, as code that imports by name does. A data file is
depended on by the modules that name it, or by all if none does. How explorers look is not among the
results of cells (``LOOKS``): pages take their scripts and styles from the package as it is.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

PACKAGE = "labs"
LOOKS = "explorer"


class Package:
    """The files of a package, and which of them each of its modules needs.

    Parameters
    ----------
    folder : Path
        The package's own folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        found = files(folder)
        self.modules = {self._name(path): path for path in found if path.suffix == ".py"}
        texts = {name: path.read_text("utf-8") for name, path in self.modules.items()}
        looks = folder / LOOKS
        data = {path for path in found if path.suffix != ".py" and not path.is_relative_to(looks)}
        self._imports = {name: self.named(text) for name, text in texts.items()}
        self._reads = {
            name: {path for path in data if path.name in text} for name, text in texts.items()
        }
        self._unclaimed = data.difference(*self._reads.values())

    def _name(self, path: Path) -> str:
        parts = [self.folder.name, *path.relative_to(self.folder).with_suffix("").parts]
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def named(self, code: str) -> set[str]:
        """Return the modules of the package that a piece of Python names; all if it is none."""
        said: set[str] = set()
        try:
            tree = ast.parse(code)
        except SyntaxError:
            return set(self.modules)
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                said.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                said.add(node.module)
                said.update(f"{node.module}.{alias.name}" for alias in node.names)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                said.update({node.value, f"{self.folder.name}.{node.value}"})
        return said & self.modules.keys()

    def behind(self, code: str) -> set[Path]:
        """Return every file of the package that a piece of Python depends on."""
        waiting, seen = list(self.named(code)), set[str]()
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                parents = name.split(".")
                above = {".".join(parents[:n]) for n in range(1, len(parents))}
                waiting += (self._imports[name] | above) - seen
        needed = {self.modules[name] for name in seen}
        return needed.union(*(self._reads[name] for name in seen), self._unclaimed if seen else ())


def files(folder: Path) -> list[Path]:
    """Return the files below a folder, but for what Python compiles, in a fixed order."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    ]


def key(root: Path, cells: Iterable[str], also: Mapping[str, str]) -> str:
    """Return a name for the results of cells: another one as soon as anything behind them differs.

    Parameters
    ----------
    root : Path
        The repository.
    cells : iterable of str
        The code of a page.
    also : mapping
        What else results depend on, such as the version of Python, by name.

    Returns
    -------
    str
        Sixteen hexadecimal digits.
    """
    folder = root / PACKAGE
    state = tuple((path, path.stat().st_mtime_ns) for path in files(folder))
    digest = hashlib.sha256(repr(sorted(also.items())).encode())
    for path in sorted(_package(folder, state).behind("\n".join(map(plain, cells)))):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def plain(cell: str) -> str:
    """Return a cell without the lines that only IPython reads."""
    return "\n".join(line for line in cell.splitlines() if not line.lstrip().startswith(("%", "!")))


@lru_cache(maxsize=1)
def _package(folder: Path, state: tuple[tuple[Path, int], ...]) -> Package:
    """Read the package once for each state of its files."""
    return Package(folder)
