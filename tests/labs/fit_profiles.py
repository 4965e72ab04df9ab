"""The profiles of labs/profiles.json, fitted to published measurements.

    python tests/labs/fit_profiles.py points.csv > labs/profiles.json

Laws are fitted jointly, so that an engine's few points on a device lean on what it does elsewhere
and on what others do there. What a profile misses is told on points that its fit had not seen: five
times a fifth of them at random, and each source and each device in its turn.
"""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from published_points import Point, Table, points

from labs.fitting import fit
from labs.law import SPREAD, WIDTHS, Law
from labs.validation import FloatArray, IntArray

FOLDS = 5
FEWEST = 3  # points of an engine's version on a device that make a profile of it
CENTER = Law(
    bandwidth=0.83,
    compute=0.62,
    cache=0.77,
    attention=0.5,
    overlap=2.0,
    step=1e-3,
    layer=2e-5,
    sequence=2e-5,
    hop=2e-5,
    link=0.33,
    narrow=1.0,
    reread=0.02,
).vector()
#: How far a device's law may go from others': the shape of a step is its engine's, not its own.
OF_DEVICE = np.array(
    [
        {"bandwidth": 0.4, "compute": 0.3, "cache": 0.5, "overlap": 0.1, "narrow": 0.1}.get(
            name, width
        )
        for name, width in SPREAD.items()
    ]
)
FEW = 20  # points of a device, below which its interval is that of devices nobody measured
#: For each kind of profile the levels that its laws are summed over, and how near points must come.
Key = Callable[[Point], Any]
LEVELS: dict[str, tuple[tuple[Key, ...], float]] = {
    "any": ((), 0.03),
    "device": ((lambda p: p.device,), 0.03),
    "engine": (
        (lambda p: p.device, lambda p: p.family, lambda p: (p.device, p.family)),
        0.03,
    ),
    "version": (
        (lambda p: p.device, lambda p: p.engine, lambda p: (p.device, p.engine)),
        0.02,
    ),
}


def numbered(chosen: Sequence[Point], key: Key) -> tuple[IntArray, dict[Any, int]]:
    names = {name: n for n, name in enumerate(sorted({key(p) for p in chosen}, key=str))}
    return np.array([names[key(p)] for p in chosen]), names


class Fitted:
    """Laws of one kind, fitted to a table."""

    def __init__(self, kind: str, table: Table) -> None:
        self.keys, scale = LEVELS[kind]
        found = [numbered(table.points, key) for key in self.keys]
        groups = [np.zeros(len(table.points), np.int64), *(group for group, _ in found)]
        steps = fit(
            table.forecast,
            table.measured,
            CENTER,
            groups,
            [2 * WIDTHS, *[OF_DEVICE if n == 0 else WIDTHS for n in range(len(self.keys))]],
            scale,
        )
        self.all = CENTER + steps[0][0]
        self.steps = [
            {name: step[n] for name, n in names.items()}
            for (_, names), step in zip(found, steps[1:], strict=True)
        ]

    def law(self, point: Point) -> FloatArray:
        nothing = np.zeros_like(CENTER)
        parts = zip(self.keys, self.steps, strict=True)
        return self.all + sum((known.get(key(point), nothing) for key, known in parts), nothing)

    def laws(self, chosen: Sequence[Point]) -> FloatArray:
        return np.array([self.law(point) for point in chosen])


def unseen(kind: str, table: Table, fold: IntArray) -> FloatArray:
    """Return measured over forecast of each point, from a fit without its fold."""
    found = np.empty(len(table.points))
    for number in np.unique(fold):
        here = np.flatnonzero(fold == number)
        rest = table.pick(np.flatnonzero(fold != number))
        held = table.pick(here)
        found[here] = held.measured / held.forecast(Fitted(kind, rest).laws(held.points))
    return found


def error(ratios: FloatArray) -> float:
    return round(float(np.median(np.abs(1 / ratios - 1))), 4)


def interval(own: FloatArray, alike: FloatArray) -> tuple[float, float]:
    """Return where 5% of points lie below and above; a few points lean on those of their kind."""
    lean = np.quantile(alike, (np.arange(20) + 0.5) / 20)
    low, high = np.quantile(np.concatenate([own, lean]), [0.05, 0.95])
    return round(float(min(low, 1)), 3), round(float(max(high, 1)), 3)


def written(law: FloatArray) -> dict[str, float]:
    return {name: float(f"{part:.4g}") for name, part in asdict(Law.of(law)).items()}


def own_measurements(
    table: Table, laws: FloatArray, rng: np.random.Generator
) -> dict[str, dict[str, list[float]]]:
    """Return measured over forecast, 5% and 95%, and the median error, after own measurements."""
    deployments: dict[tuple[str, ...], list[int]] = {}
    for n, point in enumerate(table.points):
        deployments.setdefault(point.deployment, []).append(n)
    ratios = table.measured / table.forecast(laws)
    found: dict[str, dict[str, list[float]]] = {"rescaled": {}, "refit": {}}
    for own in (1, 3, 6):
        misses: dict[str, list[float]] = {"rescaled": [], "refit": []}
        for members in deployments.values():
            if len(members) < own + 2:
                continue
            drawn = rng.permutation(members)
            known, rest = drawn[:own], drawn[own:]
            misses["rescaled"] += list(ratios[rest] / np.median(ratios[known]))
            seen, held = table.pick(known), table.pick(rest)
            [step] = fit(seen.forecast, seen.measured, laws[known[0]])
            refitted = np.tile(laws[known[0]] + step[0], (len(rest), 1))
            misses["refit"] += list(held.measured / held.forecast(refitted))
        for how, missed in misses.items():
            low, high = np.quantile(missed, [0.05, 0.95])
            found[how][str(own)] = [round(float(low), 3), round(float(high), 3)]
            print(how, own, error(np.array(missed)), len(missed), file=sys.stderr)
    return found


def fitted_profiles(table: Table, rng: np.random.Generator) -> dict[str, Any]:
    fold = rng.integers(FOLDS, size=len(table.points))
    ratios = {kind: unseen(kind, table, fold) for kind in LEVELS}
    by_source, _ = numbered(table.points, lambda p: p.source)
    by_device, _ = numbered(table.points, lambda p: p.device)
    no_source = unseen("device", table, by_source)
    no_device = unseen("any", table, by_device)
    fits = {kind: Fitted(kind, table) for kind in LEVELS}

    def entry(kind: str, members: IntArray, parts: tuple[str | None, ...]) -> dict[str, Any]:
        chosen = [table.points[n] for n in members]
        errors = {"held out": error(ratios[kind][members])}
        if kind in ("any", "device"):
            errors["source left out"] = error(no_source[members])
        if kind == "any":
            errors["device left out"] = error(no_device[members])
        few = kind == "device" and len(members) < FEW
        seen = no_device if kind == "any" or few else ratios[kind]
        low, high = interval(seen[members], seen)
        years = sorted({int(year) for year in table.years[members]})
        return {
            **dict(zip(("device", "engine", "version"), parts, strict=True)),
            "law": written(fits[kind].law(chosen[0])),
            "low": low,
            "high": high,
            "points": len(chosen),
            "sources": sorted({point.source for point in chosen}),
            "errors": errors,
            "measured": "-".join(dict.fromkeys(map(str, (years[0], years[-1])))),
        }

    def of(key: Key) -> list[tuple[Any, IntArray]]:
        order = sorted(range(len(table.points)), key=lambda n: str(key(table.points[n])))
        grouped = groupby(order, key=lambda n: key(table.points[n]))
        return [(name, np.array(list(members))) for name, members in grouped]

    everything = np.arange(len(table.points))
    found = [entry("any", everything, (None, None, None))]
    found += [entry("device", mine, (name, None, None)) for name, mine in of(lambda p: p.device)]
    for (device, family), mine in of(lambda p: (p.device, p.family)):
        found.append(entry("engine", mine, (device, family, None)))
    for (device, engine), mine in of(lambda p: (p.device, p.engine)):
        family, _, version = engine.partition(" ")
        if version and len(mine) >= FEWEST:
            found.append(entry("version", mine, (device, family, version)))
    folds = [
        (np.flatnonzero(fold == n), Fitted("version", table.pick(np.flatnonzero(fold != n))))
        for n in range(FOLDS)
    ]
    laws = np.empty((len(table.points), CENTER.size))
    for here, without in folds:
        laws[here] = without.laws([table.points[n] for n in here])
    for kind, ratio in ratios.items():
        print(kind, error(ratio), file=sys.stderr)
    print("source", error(no_source), "device", error(no_device), file=sys.stderr)
    return {"after": own_measurements(table, laws, rng), "profiles": found}


if __name__ == "__main__":
    measured = Table(points(Path(sys.argv[1])))
    print(json.dumps(fitted_profiles(measured, np.random.default_rng(0)), indent=1))
