"""The root of the site: a page that leads to the landing page, and says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bookkit.site import Site

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="description" content="{title}: an executable course on model serving.">
<meta http-equiv="refresh" content="0; url={target}">
<link rel="canonical" href="{target}">
<title>{title}</title>
</head>
<body><main><h1>{title}</h1><p><a href="{target}">Open the book</a></p></main></body>
</html>
"""


def add(site: Site) -> None:
    """Add it, unless the landing page is the root itself."""
    root, title = site.app.config.root_doc, site.app.config.html_title
    if root != "index":
        target = site.app.builder.get_relative_uri("index", root)
        site.pages[site.out / "index.html"] = PAGE.format(title=title, target=target)
