"""Which ``labs`` a sheet was made with, so that no other one marks it."""

import labs
from labs._version import content


class VersionError(ImportError):
    """Another ``labs`` than the sheet's is installed: an error of who installed it, not a mark."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def version() -> str:
    """Return the version of ``labs`` with a checksum of its files.

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
    return f"{labs.__version__.partition('+')[0]}+{content()}"


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
