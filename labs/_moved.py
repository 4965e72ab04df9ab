"""Names that live elsewhere now: a module goes on answering to those it once held.

A module that lies below the new home of a name must not import it, so it looks the name up when
somebody asks; a module above imports it.
"""

import importlib
from collections.abc import Callable
from typing import Any


def moved(module: str, **homes: str) -> Callable[[str], Any]:
    """Return a module's ``__getattr__``: its old names, each looked up where it is now."""

    def __getattr__(name: str) -> Any:  # noqa: N807
        if name not in homes:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"labs.{homes[name]}"), name)

    return __getattr__
