"""Helper modules beside the tests, the shared files where present, and steady random examples."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from matplotlib import use

use("Agg")

settings.register_profile(
    "labs",
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("labs")


@pytest.fixture
def shared() -> Path:
    """The shared files; a test that asks for them is skipped where they are not."""
    from shared_files import SHARED

    if not SHARED.is_dir():
        pytest.skip("the shared files are not here")
    return SHARED


@pytest.fixture
def azure_trace() -> Path:
    return _trace("AzureLLMInferenceTrace_conv.csv")


@pytest.fixture
def mooncake_trace() -> Path:
    return _trace("mooncake_conversation_trace.jsonl")


def _trace(name: str) -> Path:
    from shared_files import SHARED

    path = SHARED / "traces" / name
    if not path.exists():
        pytest.skip(f"../shared/traces/{name} is not at hand")
    return path
