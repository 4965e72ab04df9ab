"""What a page does a moment after it has changed, and what a browser brings to it."""

from playwright.sync_api import Page

#: What follows predictions shows at once, as for a reader who has asked for that.
SHOWN = 'try { localStorage.setItem("book-answers", "shown") } catch {}'
# What the theme lets the keyboard reach where it scrolls, 0.3 s after a change.
BOXES = (
    "pre, .nboutput > .output_area, .cell_output > .output, .jp-RenderedHTMLCommon, "
    ".pst-scrollable-table-container"
)
REACHED = """boxes => [...document.querySelectorAll(boxes)].every((box) => {
  const scrolls = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
  return box.tabIndex === 0 || !scrolls;
})"""


def reachable(page: Page) -> None:
    """Wait until the keyboard reaches whatever scrolls."""
    page.wait_for_function(REACHED, arg=BOXES)


def typeset(page: Page) -> None:
    """Wait until nothing moves any more: all is loaded, fonts included."""
    page.wait_for_load_state("networkidle")
    page.evaluate("document.fonts.ready.then(() => true)")
