"""An explorer as notebooks show it: a widget that needs no kernel, and in text a checksum."""

from __future__ import annotations

import functools
import gzip
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labs import _extras
from labs import validation as check
from labs.explore_parts import Choice, Slider, format_value

MAX_BYTES = 60_000
FIELD = re.compile(r"\{(\w+)\}")


class Explorer:
    """A figure evaluated over a grid; displays as a widget, prints as a checksum of its numbers.

    Made by `labs.explore.lines`, `labs.explore.heatmap` and `labs.explore.timeline`.

    Attributes
    ----------
    sliders : tuple of Slider or Choice
        The axes of the grid.
    spec : dict
        What the page needs to know, but for the numbers.
    data : bytes
        The quantities over the grid in single precision, and a timeline's spans.
    """

    def __init__(
        self,
        spec: dict[str, Any],
        sliders: Sequence[Slider | Choice],
        grid: NDArray[np.float32],
        extra: NDArray[np.float32] | None = None,
    ) -> None:
        self.sliders = tuple(sliders)
        self._spec, self._grid = spec, grid
        tail = b"" if extra is None else extra.astype("<f4").tobytes()
        self.data = grid.astype("<f4").tobytes() + tail
        self.spec = {**spec, "initial": self.summary()}
        packed = len(gzip.compress(self.data + json.dumps(self.spec).encode(), mtime=0))
        if packed > MAX_BYTES:
            most = f"at most {MAX_BYTES} bytes gzipped (use fewer slider values)"
            raise check.refuse(f"explorer {spec['name']!r}", most, packed)

    def read(self, **values: Any) -> dict[str, Any]:
        """Return every slider's value and every quantity at a setting.

        Parameters
        ----------
        **values : float or str
            Sliders by name; those left out stand at their start.

        Returns
        -------
        dict
            A `Choice` is given as the option's name.

        Raises
        ------
        ValueError
            If a name or a value is none of this explorer's.

        Examples
        --------
        >>> from labs.explore import Panel, Quantity, lines
        >>> size = Slider("size", [1, 2], "Size")
        >>> figure = lines("square", "Area", lambda size: {"area": size**2}, [size], "size",
        ...                [Quantity("area", "Area")], [Panel("size", "area")], "{area}")
        >>> figure.read(size=2)
        {'size': 2, 'area': 4.0}
        """
        names = tuple(slider.name for slider in self.sliders)
        for name in values:
            check.one_of("slider", name, names)
        cell = tuple(axis.index(values.get(axis.name, axis.home)) for axis in self.sliders)
        found: dict[str, Any] = {}
        for slider, index in zip(self.sliders, cell, strict=True):
            shown = slider.options if isinstance(slider, Choice) else slider.values
            found[slider.name] = shown[index]
        for number, quantity in enumerate(self._spec["quantities"]):
            found[quantity["name"]] = float(self._grid[(number, *cell)])
        return found

    def summary(self, **values: Any) -> str:
        """Return the sentence that the figure says at a setting of its sliders.

        Parameters
        ----------
        **values : float or str
            Sliders by name; those left out stand at their start.

        Returns
        -------
        str

        Raises
        ------
        ValueError
            If a name or a value is none of this explorer's.

        Examples
        --------
        >>> from labs.explore import Panel, Quantity, lines
        >>> size = Slider("size", [1, 2], "Size")
        >>> figure = lines("square", "Area", lambda size: {"area": size**2}, [size], "size",
        ...                [Quantity("area", "A", "m²")], [Panel("size", "area")], "Now {area}.")
        >>> figure.summary(size=2)
        'Now 4\\xa0m².'
        """
        found = self.read(**values)
        described = [*self._spec["sliders"], *self._spec["quantities"]]
        parts = {part["name"]: part for part in described}

        def written(field: re.Match[str]) -> str:
            value, part = found[field[1]], parts[field[1]]
            if isinstance(value, str):
                return value
            return format_value(value, part["format"], part["unit"])

        return FIELD.sub(written, self._spec["summary"])

    @functools.cached_property
    def widget(self) -> Any:
        """The anywidget that draws this explorer."""
        return _widget_class()(spec=self.spec, data=self.data)

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        bundle, metadata = self.widget._repr_mimebundle_()
        return {**bundle, "text/plain": repr(self)}, metadata

    def __repr__(self) -> str:
        numbers = np.frombuffer(self.data, dtype="<f4").tolist()
        digest = hashlib.sha256(json.dumps(_rounded([self._spec, numbers])).encode()).hexdigest()
        shape = "×".join(str(len(slider["values"])) for slider in self._spec["sliders"])
        name, kind = self._spec["name"], self._spec["kind"]
        return f"Explorer({name!r}, {kind}, {shape}, checksum {digest[:8]})"


def _rounded(value: Any) -> Any:
    """Round every float within `value` to 4 significant digits, so that platforms agree."""
    if isinstance(value, float):
        return f"{value:.4g}".replace("-0", "0") if value == 0 else f"{value:.4g}"
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value


@functools.cache
def _widget_class() -> Any:
    with _extras.needed_by("labs.explore"):
        import anywidget
        import traitlets

    looks = resources.files("labs").joinpath("explorer")
    # Made from the others: a widget has one.
    script = looks.joinpath("made", "widget.js")

    class ExplorerWidget(anywidget.AnyWidget):
        _esm = script.read_text(encoding="utf-8")
        _css = looks.joinpath("style.css").read_text(encoding="utf-8")
        spec = traitlets.Dict().tag(sync=True)
        data = traitlets.Bytes().tag(sync=True)

    return ExplorerWidget
