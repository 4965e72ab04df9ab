"""The optional packages: what to install where one is missing, said by the module that needs it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

#: What `labs` is installed under; it is imported as ``labs``.
DISTRIBUTION = "serving-labs"

#: The extra that brings each package, by the name it is imported under.
EXTRAS = {
    "anywidget": "widgets",
    "ipywidgets": "widgets",
    "traitlets": "widgets",
    "IPython": "widgets",
    "matplotlib": "plots",
    "cycler": "plots",
    "seaborn": "plots",
    "sklearn": "learn",
    "joblib": "sweep",
    "dask": "sweep",
    "distributed": "sweep",
    "jsonschema": "contracts",
    "referencing": "contracts",
    "pandas": "logs",
}
#: Packages that are installed under another name than they are imported.
PACKAGES = {"sklearn": "scikit-learn", "IPython": "ipython"}


@contextmanager
def needed_by(module: str) -> Iterator[None]:
    """Import optional packages within; one that is missing is named with the command that helps.

    Raises ``ModuleNotFoundError`` as the import did, with the same ``name``. In a browser (Pyodide)
    the command is a notebook's, for the package alone: there `labs` came with the site.
    """
    try:
        yield
    except ModuleNotFoundError as missing:
        name = (missing.name or "").partition(".")[0]
        if name not in EXTRAS:
            raise
        package = PACKAGES.get(name, name)
        command = f"pip install '{DISTRIBUTION}[{EXTRAS[name]}]'"
        if sys.platform == "emscripten":
            command = f"%pip install {package}"
        raise ModuleNotFoundError(
            f"{module} needs {package}, which is not installed: {command}", name=missing.name
        ) from missing
