"""Measure one accelerator and write what was found: ``python -m benchmarks.accelerator FILE``."""

import argparse
import datetime
import gc
import json
import platform
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import torch

from benchmarks.accelerator import experts, numbers, rates, stack
from labs.accelerators import TYPES

DEVICE = "cuda"
CONFIGS = Path(__file__).parents[2] / "labs" / "models.json"
#: Layers that stand for all of a model's: they and their cache must fit.
STACKS = {"Llama-3.1-8B": 32, "Llama-3.1-70B": 10}
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
CONTEXTS = (128, 512, 2048, 8192, 32768)
PROMPTS = (16, 64, 256, 512, 1024, 2048, 4096, 8192, 16384)
#: Steps that decode, that read a prompt, and that do both.
CASES = (
    *((batch, context, 0) for context in CONTEXTS for batch in BATCHES),
    *((0, 0, prompt) for prompt in PROMPTS),
    *((batch, 2048, prompt) for batch in (8, 64) for prompt in (128, 512, 2048)),
)
#: Those that tell what comes beside the layers.
REST = (*((batch, 1, 0) for batch in BATCHES), *((0, 0, prompt) for prompt in PROMPTS))
MIXTURES = ("Mixtral-8x7B", "Qwen3-30B-A3B", "DeepSeek-V3")
TOKENS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 4096)
#: Bytes kept free of cache: what a long prompt's products need.
FREE = 16e9


def main() -> None:
    """Measure part by part; what the file holds already is not measured again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    file = parser.parse_args().file
    torch._dynamo.config.recompile_limit = 1000
    torch._dynamo.config.accumulated_recompile_limit = 10000
    found: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    found.setdefault("machines", []).append(machine())
    if len({run["card"] for run in found["machines"]}) > 1:
        raise SystemExit(f"{file} was measured on another card")
    for name, check in (("products", numbers), ("stack", stack), ("experts", experts)):
        found["machines"][-1][f"error of {name}"] = check.check(DEVICE)
    print(json.dumps(found["machines"][-1], indent=1), flush=True)
    for name, about, measure in parts():
        if any(about.items() <= case.items() for case in found.setdefault(name, [])):
            continue
        found[name] += [{**about, **case} for case in measure()]
        written = [f"{json.dumps(key)}: {_listed(value)}" for key, value in found.items()]
        file.write_text("{\n" + ",\n".join(written) + "\n}\n", "utf-8")
        print(name, about, found[name][-1], _state(), flush=True)
        gc.collect()
        torch.cuda.empty_cache()


def parts() -> Iterator[tuple[str, dict[str, Any], Callable[[], Iterable[Mapping[str, Any]]]]]:
    """Yield what there is to measure: its name, what its cases share, and what measures them."""
    configs = {name: entry["config"] for name, entry in json.loads(CONFIGS.read_text()).items()}
    for name, rate in (
        ("launches", rates.launches),
        ("copies", rates.copies),
        ("products", rates.products),
    ):
        yield name, {}, partial(rate, DEVICE)
    for model in MIXTURES:
        yield "experts", {"model": model}, partial(experts.layers, configs[model], TOKENS, DEVICE)
    for model, layers in STACKS.items():
        some = (layers, 0) if layers < configs[model]["num_hidden_layers"] else (layers,)
        for dtype, number in product(numbers.NUMBERS, some):
            about = {"model": model, "dtype": dtype, "layers": number}
            yield "steps", about, partial(steps, configs[model], number, dtype)


def steps(config: Mapping[str, Any], layers: int, dtype: str) -> Iterator[dict[str, Any]]:
    """Yield what the steps of a stack take; of one of no layers, those that tell the rest."""
    yield from stack.steps(made_of(config, layers, dtype), CASES if layers else REST)


def made_of(config: Mapping[str, Any], layers: int, dtype: str) -> stack.Stack:
    """Return a stack with as much cache as fits, or as the longest batch needs."""
    weight = TYPES[dtype].weight_bytes
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    keys = 2 * config["num_key_value_heads"] * 128
    weights = layers * (2 * hidden * hidden + hidden * keys + 3 * hidden * inner) * weight
    free = torch.cuda.mem_get_info()[0] - weights - 4 * config["vocab_size"] * hidden - FREE
    longest = BATCHES[-1] * CONTEXTS[-1]
    room = min(longest, int(free / (max(layers, 1) * keys * 2)))
    return stack.Stack(config, layers, dtype, room, DEVICE)


def machine() -> dict[str, Any]:
    """Return what a reader needs to judge the seconds."""
    properties = torch.cuda.get_device_properties(0)
    return {
        "card": properties.name,
        "multiprocessors": properties.multi_processor_count,
        "memory": properties.total_memory,
        "driver": _asked("driver_version"),
        "power limit": _asked("power.limit"),
        "cuda": torch.version.cuda,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "processor": platform.processor() or platform.machine(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "script": "python -m benchmarks.accelerator",
        "clocks, power, temperature": _state(),
    }


def _state() -> str:
    return _asked("clocks.sm,clocks.mem,power.draw,temperature.gpu,clocks_event_reasons.active")


def _asked(names: str) -> str:
    """Return what the driver's own tool says of the card."""
    command = ["nvidia-smi", f"--query-gpu={names}", "--format=csv,noheader"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _listed(value: Any) -> str:
    """Return a value as JSON, one line for each case of a list."""
    if not isinstance(value, list):
        return json.dumps(value)
    return "[\n" + ",\n".join(json.dumps(case) for case in value) + "\n]"


if __name__ == "__main__":
    main()
