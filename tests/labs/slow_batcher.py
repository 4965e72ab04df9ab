"""A dynamic batcher as an event loop: one event at a time, states spelt out."""

from collections.abc import Callable


def serve(
    arrival: list[float],
    batch_time: Callable[[int], float],
    max_batch: int,
    max_delay: float,
) -> tuple[list[float], list[float], list[int]]:
    """Return start, finish and batch of each request."""
    start, finish, batch = ([0.0] * len(arrival) for _ in range(3))
    waiting: list[int] = []
    pending = list(range(len(arrival)))
    busy_until: float | None = None
    batches = 0
    while pending or waiting:
        events = [arrival[index] for index in pending[:1]]
        if busy_until is not None:
            events.append(busy_until)
        elif waiting:
            events.append(arrival[waiting[0]] + max_delay)
        now = min(events)
        if busy_until is not None and busy_until <= now:
            busy_until = None
        while pending and arrival[pending[0]] <= now:
            waiting.append(pending.pop(0))
            # One by one: a full batch leaves before the next of the same moment joins the line.
            if busy_until is None and len(waiting) == max_batch:
                break
        if busy_until is not None or not waiting:
            continue
        if len(waiting) >= max_batch or arrival[waiting[0]] + max_delay <= now:
            taken, waiting = waiting[:max_batch], waiting[max_batch:]
            busy_until = now + batch_time(len(taken))
            for index in taken:
                start[index], finish[index], batch[index] = now, busy_until, batches
            batches += 1
    return start, finish, [int(b) for b in batch]
