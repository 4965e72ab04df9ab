"""Distillation's loss with its gradient, and an epoch of a student, against PyTorch."""

from typing import Any

import numpy as np

from benchmarks.timing import in_turn
from labs import digits, distillation

ROWS, CLASSES, TEMPERATURE, WEIGHT = 4096, 10, 4.0, 0.9


def run(rounds: int = 15) -> dict[str, Any] | None:
    """Time loss and gradient of one batch by both."""
    try:
        import torch
    except ImportError:
        return None
    rng = np.random.default_rng(1)
    student, teacher = rng.normal(size=(2, ROWS, CLASSES))
    labels = rng.integers(0, CLASSES, ROWS)
    fixed, known = torch.tensor(teacher), torch.tensor(labels)

    def by_labs() -> distillation.Distillation:
        return distillation.distillation_loss(student, teacher, labels, TEMPERATURE, WEIGHT)

    def by_torch() -> Any:
        scores = torch.tensor(student, requires_grad=True)
        soft = torch.nn.functional.kl_div(
            torch.log_softmax(scores / TEMPERATURE, dim=1),
            torch.log_softmax(fixed / TEMPERATURE, dim=1),
            reduction="batchmean",
            log_target=True,
        )
        hard = torch.nn.functional.cross_entropy(scores, known)
        (WEIGHT * TEMPERATURE**2 * soft + (1 - WEIGHT) * hard).backward()
        return scores.grad

    difference = float(np.abs(by_labs().gradient - by_torch().numpy()).max())
    seconds = in_turn(
        {
            "loss and gradient, labs": by_labs,
            "loss and gradient, torch": by_torch,
            "60 epochs of digits, labs": lambda: digits.teach((32,), np.random.default_rng(1)),
        },
        rounds,
    )
    return {
        "what": f"distillation of {ROWS} rows of {CLASSES} classes, T = {TEMPERATURE:g}",
        "seconds": seconds,
        "ratio": {
            "labs / torch": seconds["loss and gradient, labs"] / seconds["loss and gradient, torch"]
        },
        "largest_difference": difference,
        "target": "the gradient of autograd to 1e-12",
        "met": difference < 1e-12,
    }
