"""Follow every link of the built site to another host: ``make links``. Fails if one is broken.

It needs a network. A host that refuses programs (403, 429) is named, and not held against the link.
"""

import sys
import urllib.error
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urldefrag

from bookkit import ROOT

SITE = ROOT / "_build" / "html"
PATIENCE = 20
TRIES = 3
REFUSED = {401, 403, 405, 406, 418, 429, 999}


class Links(HTMLParser):
    """The addresses of other hosts that a page links."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        address = dict(attrs).get("href") or ""
        if tag == "a" and address.startswith(("http://", "https://")):
            self.found.add(urldefrag(address).url)


def linked(site: Path) -> dict[str, list[str]]:
    """The pages that link each address of another host."""
    pages: dict[str, list[str]] = {}
    for page in sorted(set(site.rglob("*.html")) - set((site / "lite").rglob("*.html"))):
        links = Links()
        links.feed(page.read_text("utf-8"))
        for address in links.found:
            pages.setdefault(address, []).append(page.relative_to(site).as_posix())
    return pages


def trouble(address: str) -> str:
    """What is wrong with an address, empty if nothing is."""
    headers = {"User-Agent": "link check"}
    request = urllib.request.Request(address, headers=headers)  # noqa: S310
    said = ""
    for _ in range(TRIES):
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE):  # noqa: S310
                return ""
        except urllib.error.HTTPError as error:
            said = f"{error.code} {error.reason}"
            if error.code < 500:
                return said
        except (OSError, ValueError) as error:
            said = str(error)
    return said


def broken(addresses: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    """What is wrong with each, apart from those where only programs are refused."""
    ordered = sorted(addresses)
    with ThreadPoolExecutor(8) as pool:
        found = dict(zip(ordered, pool.map(trouble, ordered), strict=True))
    refused = {a: t for a, t in found.items() if t and t.split()[0] in map(str, REFUSED)}
    return {a: t for a, t in found.items() if t and a not in refused}, refused


def main() -> int:
    pages = linked(SITE)
    wrong, refused = broken(pages)
    for address, said in refused.items():
        print(f"not to be checked by a program: {address}: {said}")
    for address, said in wrong.items():
        print(f"broken: {address}: {said}; on {', '.join(pages[address])}")
    print(f"{len(pages)} links, {len(wrong)} broken")
    return int(bool(wrong) or not pages)


if __name__ == "__main__":
    sys.exit(main())
