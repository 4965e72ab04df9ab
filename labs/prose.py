"""Numbers in prose: kept under names, so that a page quotes what a cell computed."""

from labs import _extras
from labs import validation as check


def quote(**numbers: str) -> None:
    """Keep numbers under names, so that prose quotes what a cell computed.

    In a lesson, ``{glue:text}`name``` shows the number; nothing is typed twice.

    Parameters
    ----------
    **numbers : str
        Each number as the prose will show it, such as ``f"{value:.1f}"``.

    Raises
    ------
    ValueError
        If one is not text.

    Examples
    --------
    >>> quote(useful=3)
    Traceback (most recent call last):
    ...
    ValueError: useful must be a str, got 3
    """
    with _extras.needed_by(__name__):
        from IPython.display import publish_display_data

    for name, number in numbers.items():
        check.instance(name, number, str)
    for name, number in numbers.items():
        publish_display_data(  # type: ignore[no-untyped-call]
            {"application/papermill.record/text/plain": repr(number)},
            {"scrapbook": {"name": name, "mime_prefix": "application/papermill.record/"}},
        )
