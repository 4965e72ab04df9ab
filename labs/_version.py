"""Which ``labs`` this is: its version, and a checksum of its files."""

import hashlib
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent
#: Holds the version itself, which the build of a wheel rewrites.
STATED = PACKAGE / "__init__.py"


@cache
def content(folder: Path = PACKAGE) -> str:
    """Return a checksum of the package's files, the same in a wheel as in the sources."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        stated = path.relative_to(folder) == STATED.relative_to(PACKAGE)
        if path.is_file() and "__pycache__" not in path.parts and not stated:
            found.update(path.relative_to(folder).as_posix().encode() + b"\0")
            found.update(path.read_bytes().replace(b"\r\n", b"\n"))
    # A letter first: a part of a version that is all digits is read as a number.
    return f"c{found.hexdigest()[:11]}"
