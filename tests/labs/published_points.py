"""Published measurements, as forecasts of steps are judged on them."""

import csv
import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import pytest
from shared_files import SHARED

from labs.law import seconds
from labs.validation import FloatArray
from labs.work import Work, work_of

TABLE = SHARED / "measured" / "points.csv"
JUDGED = ("static_run", "tpot_closed", "decode_step", "prefill")
#: What the engines of the table are called here, and when what was measured came out.
ENGINES = {
    "Deepspeed-MII 2024": ("deepspeed-mii 2024", "2024"),
    "TensorRT-LLM 0.9": ("tensorrt-llm 0.9", "2024"),
    "TensorRT-LLM 1.0 (PyTorch)": ("tensorrt-llm 1.0", "2025"),
    "TensorRT-LLM 2024": ("tensorrt-llm 2024", "2024"),
    "TurboMind 0.2.0": ("lmdeploy 0.2.0", "2024"),
    "gpt-fast (torch.compile)": ("gpt-fast", "2024"),
    "sglang 0.5.1.post1": ("sglang 0.5.1.post1", "2025"),
    "sglang 0.5.6.post2": ("sglang 0.5.6.post2", "2025"),
    "sglang 0.5.8.post1": ("sglang 0.5.8.post1", "2026"),
    "trtllm (InferenceMAX 2025-10..)": ("tensorrt-llm 2025-10", "2025"),
    "trtllm 1.0.0rc3": ("tensorrt-llm 1.0.0rc3", "2025"),
    "trtllm 1.2.0rc6.post1": ("tensorrt-llm 1.2.0rc6.post1", "2025"),
    "vLLM 2023": ("vllm 2023", "2023"),
    "vLLM 2024": ("vllm 2024", "2024"),
    "vLLM 2025-02 prefix caching": ("vllm 2025-02", "2025"),
    "vllm (InferenceMAX 2025-10..)": ("vllm 2025-10", "2025"),
    "vllm 0.12.0": ("vllm 0.12.0", "2025"),
}


@dataclass(frozen=True)
class Step:
    """A step of a point, and how often it was taken."""

    times: float
    batch: float
    context: float
    prefill: float
    prompt: float | None


@dataclass(frozen=True)
class Point:
    """A believable published measurement."""

    identity: str
    source: str
    device: str
    engine: str
    model: str
    dtype: str
    devices: int
    metric: str
    seconds: float
    steps: tuple[Step, ...]

    @property
    def family(self) -> str:
        return self.engine.partition(" ")[0]

    @property
    def deployment(self) -> tuple[str, ...]:
        return (
            self.device,
            self.engine,
            self.model,
            self.dtype,
            str(self.devices),
            self.source,
        )


def number(text: str) -> float:
    return float(text) if text else 0.0


def steps_of(row: dict[str, str]) -> tuple[Step, ...]:
    batch, isl, osl = (number(row[name]) for name in ("batch_or_concurrency", "isl", "osl"))
    context, prefill = number(row["ctx"]), number(row["prefill_tokens"])
    if row["metric"] == "static_run":
        return (Step(1, 0, 0, batch * isl, isl), Step(osl - 1, batch, isl + osl / 2, 0, None))
    if row["metric"] == "tpot_closed":
        return (Step(1, batch, context, 0, None), Step(batch / osl, 0, 0, isl, isl))
    if row["metric"] == "decode_step":
        return (Step(1, batch, context, 0, None),)
    return (Step(1, 0, 0, prefill, isl or prefill),)


@cache
def points(path: Path = TABLE) -> tuple[Point, ...]:
    """Return the believable points of steps, prefills, static runs and closed loops."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if row["half"] == "fit" and not row["excluded"] and row["metric"] in JUDGED
        ]
    return tuple(
        Point(
            row["id"],
            row["source"],
            row["device"],
            ENGINES[row["engine"]][0],
            row["model"],
            row["dtype"],
            int(row["devices"]),
            row["metric"],
            float(row["value"]),
            steps_of(row),
        )
        for row in rows
    )


def published() -> tuple[Point, ...]:
    """Return the points, or skip the test that asks."""
    if not TABLE.exists():
        pytest.skip("published measurements are not at hand (shared/measured/points.csv)")
    return points()


class Table:
    """Points as arrays: what their steps ask, and how they add up."""

    def __init__(self, chosen: tuple[Point, ...]) -> None:
        self.points = chosen
        self.measured = np.array([point.seconds for point in chosen])
        steps = [(n, step) for n, point in enumerate(chosen) for step in point.steps]
        self.row = np.array([n for n, _ in steps])
        self.times = np.array([step.times for _, step in steps])
        self.work = Work.together(
            [
                work_of(
                    chosen[n].model,
                    chosen[n].device,
                    chosen[n].dtype,
                    chosen[n].devices,
                    step.batch,
                    step.context,
                    step.prefill,
                    step.prompt,
                )
                for n, step in steps
            ]
        )

    def forecast(self, vectors: FloatArray) -> FloatArray:
        """Return the seconds of points under laws, one a point."""
        taken = seconds(vectors[self.row], self.work)
        return np.bincount(self.row, self.times * taken, len(self.points))

    def pick(self, chosen: FloatArray) -> "Table":
        return Table(tuple(self.points[n] for n in chosen))

    @cached_property
    def years(self) -> FloatArray:
        years = {name: int(re.sub(r"\D", "", year)) for name, year in ENGINES.values()}
        return np.array([years[point.engine] for point in self.points])
