"""Names that live elsewhere now: each module goes on answering to those it once held.

A module that lies below the new home of a name must not import it, so it looks the name up when
somebody asks; a module above imports it. Records of `labs.evidence` find functions here too.
"""

import importlib
from collections.abc import Callable
from typing import Any

#: Where each name is found, by the module that it left.
MOVED: dict[str, dict[str, str]] = {
    "batch_queue": dict.fromkeys(("BatchCurve", "BatchTime", "fit_batch_time"), "batch_times"),
    "caching": {"kv_bytes_per_token": "catalogue"},
    "digits": dict.fromkeys(("PairedLoss", "paired_loss"), "intervals"),
    "engine": dict.fromkeys(("ChatService", "serve_chat"), "scenarios"),
    "hardware": {
        **dict.fromkeys(("Device", "Model", "device_of", "model_of"), "catalogue"),
        **dict.fromkeys(("Machine", "Rate", "measure"), "machine"),
    },
    "scheduling": dict.fromkeys(("TenantService", "serve_tenants"), "scenarios"),
    "simulation": dict.fromkeys(("Interval", "mean_interval"), "intervals"),
    "slo": dict.fromkeys(("QuantileInterval", "quantile_interval"), "intervals"),
    "style": {"quote": "prose"},
    "workload": dict.fromkeys(
        ("PrefixCache", "azure_chat_facts", "mooncake_facts", "mooncake_prefix_cache"), "traces"
    ),
}


def moved_from(module: str) -> Callable[[str], Any]:
    """Return a module's ``__getattr__``: its old names, each looked up where it is now."""
    homes = MOVED[module.removeprefix("labs.")]

    def __getattr__(name: str) -> Any:  # noqa: N807
        if name not in homes:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"labs.{homes[name]}"), name)

    return __getattr__
