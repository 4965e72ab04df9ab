"""How figures look: one palette for light and dark, drawn as text that takes the page's theme."""

import hashlib
import html
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labs import _extras
from labs import validation as check
from labs.prose import quote

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "DASHES",
    "FAINT",
    "INK",
    "PALETTE",
    "THEMED",
    "Picture",
    "figure",
    "quote",
    "show",
]

PALETTE = (
    ("#283a71", "#a9caf9"),
    ("#a45211", "#f28436"),
    ("#3f7767", "#80fbda"),
    ("#8847a8", "#bd8dca"),
    ("#422b01", "#f9e369"),
    ("#77363c", "#efa5ac"),
)
INK = ("#14231c", "#eef3ec")
FAINT = ("#bfd3b7", "#456b5a")
DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (7, 2, 1.5, 2)), (0, (3, 1)), (0, (9, 3)))

THEMED = {"ink": INK, "faint": FAINT} | {str(i): pair for i, pair in enumerate(PALETTE)}


@dataclass(frozen=True)
class Picture:
    """A figure as an SVG within the page: it follows the theme and has words for the blind.

    Attributes
    ----------
    svg : str
        The SVG element.
    alt : str
        What the figure shows.

    Examples
    --------
    >>> Picture(svg="<svg></svg>", alt="Latency rises with load.")
    Picture('Latency rises with load.')
    """

    svg: str
    alt: str

    def __repr__(self) -> str:
        return f"Picture({self.alt!r})"

    def _repr_html_(self) -> str:
        style = f"<style>{_theme_css()}</style>"
        return f'<div class="labs-picture" tabindex="0">{style}{self.svg}</div>'


def figure(width: float = 7.0, height: float = 3.4, **subplots: Any) -> tuple["Figure", Any]:
    """Return a Matplotlib figure and its axes, and make the course's style the default.

    Parameters
    ----------
    width, height : float
        Inches, above 0.
    **subplots
        Passed to ``matplotlib.pyplot.subplots``: ``ncols=2``, ``sharey=True``.

    Returns
    -------
    figure, axes

    Raises
    ------
    ValueError
        If a size is not positive.

    Examples
    --------
    >>> fig, ax = figure(ncols=2)
    >>> len(ax)
    2
    """
    with _extras.needed_by(__name__):
        import matplotlib as mpl
        from cycler import cycler
        from matplotlib import pyplot as plt

    size = tuple(check.number(n, v, above=0) for n, v in (("width", width), ("height", height)))
    ink, faint = INK[0], FAINT[0]
    settings: Any = {
        "axes.prop_cycle": cycler(color=[light for light, _ in PALETTE]) + cycler(linestyle=DASHES),
        "axes.edgecolor": ink,
        "axes.labelcolor": ink,
        "axes.titlecolor": ink,
        "axes.titlelocation": "left",
        "axes.titlesize": 10,
        "axes.titleweight": "bold",
        "axes.labelsize": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": faint,
        "grid.linewidth": 0.6,
        "xtick.color": ink,
        "ytick.color": ink,
        "xtick.labelsize": 9,
        "ytick.labelsize": 9,
        "text.color": ink,
        "font.size": 10,
        "lines.linewidth": 1.8,
        "legend.frameon": False,
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "figure.constrained_layout.use": True,
    }
    mpl.rcParams.update(settings)
    return plt.subplots(figsize=size, **subplots)


def show(figure: "Figure", alt: str) -> Picture:
    """Return a figure as a `Picture` and close it; a cell ends with this.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Drawn with axis labels and units.
    alt : str
        What the figure shows, in a sentence or two, for those who cannot see it.

    Returns
    -------
    Picture

    Raises
    ------
    ValueError
        If ``alt`` is empty.

    Examples
    --------
    >>> show(figure()[0], "Two empty axes.")
    Picture('Two empty axes.')
    """
    with _extras.needed_by(__name__):
        import matplotlib as mpl
        from matplotlib import pyplot as plt
        from matplotlib.figure import Figure

    check.instance("figure", figure, Figure)
    if not check.instance("alt", alt, str).strip():
        raise check.refuse("alt", "a description of the figure", alt)
    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "labs"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    return Picture(svg=_themed(buffer.getvalue(), alt), alt=alt)


def _theme_css() -> str:
    dark = "".join(f"--labs-{name}:{pair[1]};" for name, pair in THEMED.items())
    return (
        "html[data-theme=dark] .labs-picture,"
        'body[data-jp-theme-light="false"] .labs-picture{' + dark + "}"
        ".labs-picture{overflow-x:auto}"
        ".labs-picture svg{max-width:100%;min-width:34rem;height:auto;font-family:inherit}"
    )


def _themed(svg: str, alt: str) -> str:
    """Return the SVG element alone, coloured by variables, without identifiers that may clash."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    salt = hashlib.sha256((alt + svg).encode()).hexdigest()[:8]
    used = set(re.findall(r'(?:url\(#|href="#)([\w.-]+)', svg))

    def rename(found: re.Match[str]) -> str:
        return f' id="{salt}-{found[1]}"' if found[1] in used else ""

    svg = re.sub(r' id="([\w.-]+)"', rename, svg)
    svg = re.sub(r'(url\(#|href="#)([\w.-]+)', rf"\g<1>{salt}-\g<2>", svg)
    for name, (light, _) in THEMED.items():
        svg = re.sub(re.escape(light), f"var(--labs-{name},{light})", svg, flags=re.I)
    label = html.escape(alt, quote=True)
    return svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1).strip()
