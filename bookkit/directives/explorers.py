"""Explorers on the built page: their numbers stay there, their style is stored once for the site.

myst-nb writes every widget of a notebook into the page whole, code included. Here each view of an
explorer becomes a placeholder of the final height that holds its numbers and says in words what
it shows at the start; the site's script brings it to life.
"""

from __future__ import annotations

import hashlib
import html
import json
import shutil
from importlib import resources
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.util import logging

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

    from bookkit.site import Site

VIEW = "application/vnd.jupyter.widget-view+json"
FOLDER = "widgets"
LOGGER = logging.getLogger(__name__)

PLACE = """<div class="xp-place" data-page="true" style="{sizes}">
<script type="application/json">{state}</script>
<div class="xp">
<div class="xp-head"><p class="xp-title">{title}</p>
<button type="button" class="xp-button" disabled>Reset</button></div>
<div class="xp-reserve"></div>
<p class="xp-summary">{initial}</p>
<p class="xp-data">&nbsp;<noscript>The figure needs JavaScript.</noscript></p>
</div>
</div>
"""


def place_explorers(app: Sphinx, doctree: nodes.document) -> None:
    """Replace the views of a document by placeholders, and note that it has some."""
    env = app.env
    scripts = getattr(env, "nb_metadata", {}).get(env.docname, {}).get("js_files", {})
    state = scripts.get("ipywidgets_state", (None, {"body": "{}"}))[1]["body"]
    models = json.loads(state).get("state", {})
    for key in [key for key in scripts if key.startswith("ipywidgets")]:
        del scripts[key]
    shown(env).discard(env.docname)
    for view in list(doctree.findall(nodes.raw)):
        if f'type="{VIEW}"' in view.astext():
            text = view.astext().partition(">")[2].rpartition("</script>")[0]
            model = models.get(json.loads(text)["model_id"], {})
            if "spec" in model.get("state", {}):
                view.children = [nodes.Text(place(model))]
                view.rawsource = view.astext()
                shown(env).add(env.docname)
            else:
                LOGGER.warning(
                    "a widget that is not an explorer cannot live without a kernel",
                    location=view,
                    type="explorers",
                )


def place(model: dict[str, Any]) -> str:
    """Return the placeholder of a widget."""
    state = model["state"]
    spec = state["spec"]
    data = next(b["data"] for b in model["buffers"] if b["path"] == ["data"])
    layout = spec["layout"]
    content = json.dumps({"spec": spec, "data": data}, separators=(",", ":"))
    sizes = [
        f"--{width}:{layout['height'][width]}px;--rows-{width}:{layout['rows'][width]}"
        for width in ("wide", "narrow")
    ]
    return PLACE.format(
        sizes=";".join(sizes),
        title=html.escape(spec["title"]),
        initial=html.escape(spec["initial"]),
        state=content.replace("<", "\\u003c"),
    )


def style() -> tuple[str, str]:
    """The name of the explorers' style sheet, which its content gives it, and the sheet."""
    text = resources.files("labs").joinpath("explorer", "style.css").read_text("utf-8")
    return f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.css", text


def shown(env: BuildEnvironment) -> set[str]:
    """The documents that show an explorer."""
    if not hasattr(env, "explorer_documents"):
        env.explorer_documents = set()  # type: ignore[attr-defined]
    found: set[str] = env.explorer_documents  # type: ignore[attr-defined]
    return found


def load_on_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object
) -> None:
    """Load the style on pages that show an explorer, and on no other."""
    found = shown(app.env)
    if pagename in found or (found and app.builder.name == "singlehtml"):
        app.add_css_file(f"{FOLDER}/{style()[0]}")


def write_style(site: Site) -> None:
    """Write the style as the package has it, and remove what it was."""
    shutil.rmtree(site.out / "_static" / FOLDER, ignore_errors=True)
    if shown(site.app.env):
        name, text = style()
        (site.out / "_static" / FOLDER).mkdir(parents=True)
        (site.out / "_static" / FOLDER / name).write_text(text, "utf-8")


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Drop what is known of a document when it is read again."""
    shown(env).discard(docname)


def merge(
    app: Sphinx, env: BuildEnvironment, docnames: Iterable[str], other: BuildEnvironment
) -> None:
    """Take over what a parallel reader found."""
    shown(env).update(shown(other).intersection(docnames))
