"""Seconds of work on the card: events around each repetition, median and interval."""

from collections.abc import Callable
from typing import Any

import torch

from labs.intervals import quantile_interval

#: Repetitions of each case: as many as fit in some 0.2 s, within these bounds.
FEWEST, MOST, SECONDS = 20, 50, 0.2


def timed(
    run: Callable[[], Any],
    graph: bool,
    before: Callable[[int], Any] | None = None,
    per: int = 1,
    repeats: int | None = None,
) -> dict[str, Any]:
    """Return how long a run lasts on the card: median of at least 20 with its 95% interval.

    Parameters
    ----------
    run : function
        Queues the work.
    graph : bool
        Whether it is captured once as a CUDA graph and replayed, or queued by Python each time.
    before : function or None
        Called with the number of each repetition, its time not counted: to change the input.
    per : int
        How many equal pieces a run consists of; the seconds of one are returned.
    repeats : int or None
        How often; None: as `FEWEST`, `MOST` and `SECONDS` say.
    """
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(2):
            run()
    torch.cuda.current_stream().wait_stream(side)
    torch.cuda.synchronize()
    queue = run
    captured = None
    if graph:
        captured = torch.cuda.CUDAGraph()
        with torch.cuda.graph(captured):
            run()
        queue = captured.replay
    trial = [_once(queue, before, n) for n in range(2)]
    repeats = repeats or int(min(MOST, max(FEWEST, SECONDS / max(trial[1], 1e-6))))
    seconds = [_once(queue, before, n) / per for n in range(repeats)]
    del captured
    found = quantile_interval(seconds, 0.5)
    return {
        "graph": graph,
        "seconds": _rounded(found.quantile),
        "low": _rounded(found.low),
        "high": _rounded(found.high),
        "repeats": repeats,
    }


def _once(queue: Callable[[], Any], before: Callable[[int], Any] | None, number: int) -> float:
    if before is not None:
        before(number)
    torch.cuda.synchronize()
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    queue()
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end)) * 1e-3


def _rounded(seconds: float) -> float:
    return float(f"{seconds:.4g}")
