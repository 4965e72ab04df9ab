"""Explorers on the built page: their numbers stay there, their style is stored once for the site.

myst-nb writes every widget of a notebook into the page whole, code included. Here each view of an
explorer becomes a placeholder of the final height that holds its numbers and says in words what
it shows at the start; the site's script brings it to life.
"""

from __future__ import annotations

import hashlib
import html
import json
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.util import logging

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

    from bookkit.finish import Site

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
    """Replace the views of a document by placeholders and put its widgets' style aside."""
    env = app.env
    scripts = getattr(env, "nb_metadata", {}).get(env.docname, {}).get("js_files", {})
    state = scripts.get("ipywidgets_state", (None, {"body": "{}"}))[1]["body"]
    models = json.loads(state).get("state", {})
    for key in [key for key in scripts if key.startswith("ipywidgets")]:
        del scripts[key]
    files: dict[str, str] = {}
    for view in list(doctree.findall(nodes.raw)):
        if f'type="{VIEW}"' in view.astext():
            text = view.astext().partition(">")[2].rpartition("</script>")[0]
            model = models.get(json.loads(text)["model_id"], {})
            if "spec" in model.get("state", {}):
                view.children = [nodes.Text(place(model, files))]
                view.rawsource = view.astext()
            else:
                LOGGER.warning(
                    "a widget that is not an explorer cannot live without a kernel",
                    location=view,
                    type="explorers",
                )
    assets(env).pop(env.docname, None)
    if files:
        assets(env)[env.docname] = files


def place(model: dict[str, Any], files: dict[str, str]) -> str:
    """Return the placeholder of a widget, having added its style to `files`."""
    state = model["state"]
    spec = state["spec"]
    keep(files, state["_css"], "css")
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


def keep(files: dict[str, str], text: str, suffix: str) -> str:
    """Add a text to `files` under the name that its content gives it."""
    name = f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.{suffix}"
    files[name] = text
    return name


def assets(env: BuildEnvironment) -> dict[str, dict[str, str]]:
    """The styles that each document's explorers need, by file name."""
    if not hasattr(env, "explorer_assets"):
        env.explorer_assets = {}  # type: ignore[attr-defined]
    found: dict[str, dict[str, str]] = env.explorer_assets  # type: ignore[attr-defined]
    return found


def load_on_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object
) -> None:
    """Load the style on pages that show an explorer, and on no other."""
    found = assets(app.env)
    documents = found if app.builder.name == "singlehtml" else [pagename]
    for name in sorted({name for document in documents for name in found.get(document, {})}):
        app.add_css_file(f"{FOLDER}/{name}")


def write_assets(site: Site) -> None:
    """Write each style once, and remove what no page uses any more."""
    folder = site.out / "_static" / FOLDER
    every = assets(site.app.env).values()
    wanted = {name: text for files in every for name, text in files.items()}
    for stale in set(folder.glob("*")) - {folder / name for name in wanted}:
        stale.unlink()
    for name, text in wanted.items():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Drop what a document needed when it is read again."""
    assets(env).pop(docname, None)


def merge(
    app: Sphinx, env: BuildEnvironment, docnames: Iterable[str], other: BuildEnvironment
) -> None:
    """Take over what a parallel reader found."""
    found = assets(other)
    assets(env).update({name: found[name] for name in docnames if name in found})
