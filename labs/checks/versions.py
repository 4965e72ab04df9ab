"""Which ``labs`` a sheet was made with, so that no other one marks it."""

import hashlib
from functools import cache
from pathlib import Path

import labs

PACKAGE = Path(labs.__file__).parent


class VersionError(ImportError):
    """Another ``labs`` than the sheet's is installed: an error of who installed it, not a mark."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


@cache
def version() -> str:
    """Return the version of ``labs`` with a checksum of its modules.

    The number alone does not change with every changed check; the checksum does, and is the same
    in a wheel as in the sources that it was built from.

    Returns
    -------
    str

    Examples
    --------
    >>> version().partition("+")[0] == labs.__version__.partition("+")[0]
    True
    """
    content = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.parent != PACKAGE or path.name != "__init__.py":  # the version alone, which a
            content.update(path.relative_to(PACKAGE).as_posix().encode())  # build may rewrite
            content.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return f"{labs.__version__.partition('+')[0]}+{content.hexdigest()[:8]}"


def require(made_with: str) -> None:
    """Refuse to check a sheet that was made with another ``labs`` than is installed.

    Parameters
    ----------
    made_with : str
        What `version` was where the sheet was made.

    Raises
    ------
    VersionError
        If it is another here.

    Examples
    --------
    >>> require(version())
    >>> require("0.0.1")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    labs.checks.versions.VersionError: this sheet was made with labs 0.0.1, installed is ...
    """
    if made_with != version():
        raise VersionError(
            f"this sheet was made with labs {made_with}, installed is {version()}: "
            "install the wheel that came with the sheet, then restart the kernel"
        )
