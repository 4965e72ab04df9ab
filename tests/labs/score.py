"""The scorecard of book/scorecard.json: what was measured, and what was said before and after.

    python tests/labs/score.py ../shared/measured > book/scorecard.json

A public run's own requests are put to the engine of `labs.engine` with three sets of costs: the
bounds of the hardware, the forecast of the profiles, and what a calibration found in its first 100
answers. Steps that this project measured are forecast as they are, and after own measurements.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from labs import calibration, hardware
from labs.accelerators import MEASURED, TYPES, Step, accelerator
from labs.engine import Engine, StepTime
from labs.forecasts import _bound
from labs.intervals import percentile
from labs.measured import Run, read
from labs.work import work_of

FIRST = 100
#: Draws of own measurements over which a median is taken.
DRAWS = 21
METRICS = ("ttft", "tpot", "latency")
PLACES = {"mean": None, "median": 0.5, "p90": 0.9, "p99": 0.99}
SIMULATOR = {
    "name": "LLMServingSim",
    "source": "casys-kaist/LLMServingSim, bench/examples, summary.txt",
    "commit": "5daddb21a545658d5150b535712d0494584b5278",
    "left out": "made of operators profiled on that card; of all 300 requests; its quantiles lie "
    "between observations",
}
RUNS: dict[str, dict[str, Any]] = {
    "RTXPRO6000_Llama-3.1-8B": {
        "title": "Llama-3.1-8B on one RTX PRO 6000, room for all caches",
        "device": "RTX-PRO-6000",
        "limits": {"max_batch": 128, "token_budget": 2048},
        "others": {
            "ttft": {"mean": -4.0, "median": -8.6, "p90": -4.4, "p99": -2.0},
            "tpot": {"mean": -1.0, "median": 0.0, "p90": 0.5, "p99": 0.6},
            "latency": {"mean": -1.8, "median": -1.2, "p90": -1.8, "p99": -1.6},
        },
    },
    "RTX4090_Llama-3.1-8B": {
        "title": "Llama-3.1-8B on one RTX 4090, whose memory fills",
        "device": "RTX-4090",
        "limits": {"max_batch": 256, "token_budget": 2048, "kv_tokens": 41_408},
        "others": {
            "ttft": {"mean": 0.6, "median": 0.8, "p90": 0.6, "p99": 0.3},
            "tpot": {"mean": 0.2, "median": 0.2, "p90": 0.2, "p99": 0.9},
            "latency": {"mean": 0.5, "median": 0.9, "p90": 0.2, "p99": 0.4},
        },
    },
}
METHODS = {
    "bound": "every step as fast as the datasheet allows; leaves out what a step costs besides, "
    "the front end, and what no engine reaches",
    "forecast": "the profile of what is published of other cards and engines, none of it of this "
    "card; leaves out the front end",
    "calibrated": f"costs found in the first {FIRST} answers, errors of all others; leaves out "
    "what those did not show",
}


def bound(model: str, device: str) -> StepTime:
    """Return the costs of a step at the bounds."""
    card, config = hardware.DEVICES[device], hardware.MODELS[model]
    used = config.used_parameters
    return StepTime(
        base=0.0,
        prefill_token=2 * (used - config.embedding_parameters) / card.peak("bf16"),
        sequence=0.0,
        kv_token=float(config.kv_bytes(1, "bf16")) / card.bandwidth,
        weights=2 * used / card.bandwidth,
        overlap=float("inf"),
    )


def errors(run: Run, seen: Any, kept: Any) -> dict[str, dict[str, float]]:
    """Return percent by which what was simulated lies off, by metric and place."""
    found: dict[str, dict[str, float]] = {}
    for metric in METRICS:
        ours, theirs = getattr(seen, metric)[kept], getattr(run, metric)[kept]
        found[metric] = {}
        for place, p in PLACES.items():
            of = (lambda x: float(x.mean())) if p is None else (lambda x, p=p: percentile(x, p))
            found[metric][place] = round(100 * (of(ours) / of(theirs) - 1), 1)
    return found


def score(folder: Path, name: str) -> dict[str, Any]:
    """Return the scorecard of one run."""
    chosen = RUNS[name]
    meta = json.loads((folder / "runs" / f"{name}.meta.json").read_text("utf-8"))
    run = read(folder / "runs" / f"{name}.requests.jsonl")
    model = name.partition("_")[2]
    typical = float(run.prompt.mean() + run.output.mean() / 2)
    costs = {
        "bound": bound(model, chosen["device"]),
        "forecast": hardware.step_time(model, chosen["device"], "bf16", context=typical),
    }
    engines = {
        method: Engine(step, policy="chunked", memory="paged", **chosen["limits"])
        for method, step in costs.items()
    }
    fitted = calibration.fit(run, engines["forecast"], FIRST)
    engines["calibrated"] = fitted.engine
    rest = run.output > 1
    later = rest.copy()
    later[np.argsort(run.finish, kind="stable")[:FIRST]] = False
    methods = []
    for method, engine in engines.items():
        seen = engine.run(run.workload)
        kept = later if method == "calibrated" else rest
        methods.append(
            {"name": method, "left out": METHODS[method], "errors": errors(run, seen, kept)}
        )
    observed = {
        metric: {
            place: round(
                float(getattr(run, metric)[rest].mean())
                if p is None
                else percentile(getattr(run, metric)[rest], p),
                4,
            )
            for place, p in PLACES.items()
        }
        for metric in METRICS
    }
    return {
        "run": name,
        "title": chosen["title"],
        "engine": f"vLLM {meta['vllm_version']}",
        "requests": len(run),
        "when": meta["started_at"][:10],
        "source": "casys-kaist/LLMServingSim, bench/examples, requests.jsonl; MIT",
        "commit": SIMULATOR["commit"],
        "measured": observed,
        "methods": [*methods, {**SIMULATOR, "errors": chosen["others"]}],
    }


def forecasts(steps: list[Step], profile: hardware.Profile) -> hardware.Forecast:
    """Return the forecasts of steps, arrays over them."""
    found = [hardware.forecast(**step.asked, profile=profile) for step in steps]
    ends = ([getattr(one, end) for one in found] for end in ("low", "mid", "high"))
    return hardware.Forecast(*ends)


def after(steps: list[Step], own: int, how: str) -> tuple[float, float]:
    """Return error and cover on the other steps after some drawn as own: medians over draws."""
    seconds = np.array([step.seconds.quantile for step in steps])
    known = hardware.profile(steps[0].device)
    first = np.asarray(forecasts(steps, known).mid)
    rng = np.random.default_rng(0)
    errors_of, covers = [], []
    for _ in range(DRAWS):
        drawn = rng.choice(len(steps), own, replace=False)
        if how == "rescaled":
            profile = known.rescaled(seconds[drawn], first[drawn])
        else:
            points = [{**steps[n].asked, "seconds": seconds[n]} for n in drawn]
            profile = known.refit(points)
        said = forecasts(steps, profile)
        others = np.setdiff1d(np.arange(len(steps)), drawn)
        errors_of.append(np.median(np.abs(said.mid / seconds - 1)[others]))
        covers.append(np.mean(((said.low <= seconds) & (seconds <= said.high))[others]))
    return float(np.median(errors_of)), float(np.median(covers))


def step_row(device: str, model: str, dtype: str) -> dict[str, Any]:
    """Return how far bound and forecast lie off the steps of a card, a model and a type."""
    replayed = list(accelerator(device).chosen(model, dtype, graph=True))
    seconds = np.array([step.seconds.quantile for step in replayed])
    over = seconds / [_bound(work_of(**step.asked)).item() for step in replayed]
    said = forecasts(replayed, hardware.profile(device))
    inside = (said.low <= seconds) & (seconds <= said.high)
    return {
        "device": device,
        "model": model,
        "dtype": dtype,
        "steps": len(replayed),
        "least over bound": round(float(np.min(over)), 2),
        "median over bound": round(float(np.median(over)), 2),
        "error": round(100 * float(np.median(np.abs(said.mid / seconds - 1))), 1),
        "inside": round(100 * float(inside.mean())),
    }


def after_own(device: str, model: str, dtype: str) -> dict[str, float]:
    """Return how far it lies off after one and after six of them."""
    replayed = list(accelerator(device).chosen(model, dtype, graph=True))
    rescaled, _ = after(replayed, 1, "rescaled")
    refit, cover = after(replayed, 6, "refit")
    return {
        "after one": round(100 * rescaled, 1),
        "after six": round(100 * refit, 1),
        "inside after six": round(100 * cover),
    }


def steps() -> list[dict[str, Any]]:
    """Return what was said of the steps that this project measured: by card, model and type."""
    measured = [accelerator(device) for device in MEASURED]
    models = {card.device: dict.fromkeys(step.model for step in card.steps) for card in measured}
    return [
        step_row(card.device, model, dtype) | after_own(card.device, model, dtype)
        for card in measured
        for model in models[card.device]
        for dtype in TYPES
        if card.chosen(model, dtype)
    ]


def scorecard(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the scorecard of every public run and of the steps measured here."""
    return {"runs": [score(folder, name) for name in RUNS], "steps": steps()}


if __name__ == "__main__":
    print(json.dumps(scorecard(Path(sys.argv[1])), indent=1))
