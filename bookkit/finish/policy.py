"""A Content-Security-Policy for the site: what its pages hold and no more, no other host.

Each page carries it; hosts that can send headers find it in ``_headers``, in the form that Netlify
and Cloudflare Pages read, with what only a header can say. ``make serve`` sends that too.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bookkit.editions.lite import FOLDER

if TYPE_CHECKING:
    from bookkit.site import Site

INLINE = re.compile(
    r"<script(?P<attributes>(?![^>]*\bsrc=)[^>]*)>(?P<text>.*?)</script>", re.DOTALL
)
CHARSET = re.compile(r"<meta charset=\"utf-8\"\s*/?>", re.IGNORECASE)
META = '\n<meta http-equiv="Content-Security-Policy" content="{}" />'
RULE = """{where}
  Content-Security-Policy: {policy}; frame-ancestors 'self'
  X-Content-Type-Options: nosniff
  Referrer-Policy: no-referrer
"""
# JupyterLite runs what the reader writes, and fetches packages from where they are.
LITE = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob: https://cdn.jsdelivr.net",
        "worker-src 'self' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' blob: data: https:",
    ]
)


def digest(script: str) -> str:
    """Return the source expression that allows this script and no other."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def inline(page: str) -> set[str]:
    """Return the scripts that a page holds itself, data left out."""
    return {found["text"] for found in INLINE.finditer(page) if "json" not in found["attributes"]}


def origin(address: str) -> str:
    """Return the host of an address; a policy would take a path for the only one allowed."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if address else ""


def policy(scripts: set[str], server: str = "") -> str:
    """Return the policy under which a site with these scripts and this account server works."""
    rules = {
        "default-src": ["'none'"],
        "script-src": ["'self'", *sorted(map(digest, scripts))],
        # Formulas and the tables of notebooks bring their styles with them.
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'", "data:"],
        "connect-src": ["'self'", *filter(None, [origin(server)])],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
    }
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in rules.items())


def add(site: Site) -> None:
    """Put the policy into every page and beside them."""
    out = site.out
    pages = {path: page for path, page in site.pages.items() if CHARSET.search(page)}
    allowed = policy(set().union(*map(inline, pages.values())), site.app.config.account_server)
    meta = META.format(html.escape(allowed))
    for path, page in pages.items():
        site.pages[path] = CHARSET.sub(lambda found: found[0] + meta, page, count=1)
    folders = {path.relative_to(out).parts[0] for path in pages if path.parent != out}
    places = ["/", *(f"/{path.name}" for path in pages if path.parent == out)]
    places += [f"/{folder}/*" for folder in folders]
    rules = [RULE.format(where=where, policy=allowed) for where in sorted(places)]
    rules.append(RULE.format(where=f"/{FOLDER}/*", policy=LITE))
    (out / "_headers").write_text("\n".join(rules), "utf-8")
