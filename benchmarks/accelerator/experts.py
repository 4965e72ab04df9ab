"""A layer of experts by tokens: routing, the two products of those chosen, and their sum."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.accelerator.clock import timed

#: Inputs that repetitions take in turn: each touches other experts.
DRAWS = 50


class Experts:
    """The routed experts of one layer, in 16 bits, with random weights and an even router.

    Parameters
    ----------
    experts, chosen : int
        How many there are and how many a token takes.
    hidden, inner : int
        Width of the layer and of an expert.
    device : str
        Where.
    """

    def __init__(self, experts: int, chosen: int, hidden: int, inner: int, device: str) -> None:
        self.experts, self.chosen, self.hidden, self.device = experts, chosen, hidden, device

        def drawn(*shape: int) -> Tensor:
            weights = torch.empty(*shape, device=device, dtype=torch.bfloat16)
            return weights.normal_(0.0, shape[-1] ** -0.5)

        self.up, self.down = drawn(experts, 2 * inner, hidden), drawn(experts, hidden, inner)
        self.router = drawn(experts, hidden)
        self.numbers = torch.arange(experts, device=device)

    def routed(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the share and the number of the experts that each token takes."""
        share, chosen = functional.linear(x, self.router).float().softmax(-1).topk(self.chosen)
        return share / share.sum(-1, keepdim=True), chosen

    def __call__(self, x: Tensor) -> Tensor:
        """Return what the layer adds to each token."""
        share, chosen = self.routed(x)
        inorder, order = chosen.flatten().sort()
        ends = torch.searchsorted(inorder, self.numbers, right=True).int()
        token = order // self.chosen
        gate, up = _grouped(x[token], self.up, ends).chunk(2, -1)
        found = _grouped(functional.silu(gate) * up, self.down, ends)
        weighted = found * share.flatten()[order][:, None]
        return torch.zeros_like(x).index_add_(0, token, weighted.to(x.dtype))

    def plainly(self, x: Tensor) -> Tensor:
        """Return the same, expert by expert, in 64 bits."""
        share, chosen = self.routed(x)
        total = torch.zeros_like(x, dtype=torch.float64)
        for token, (shares, numbers) in enumerate(zip(share, chosen, strict=True)):
            for part, number in zip(shares.double(), numbers.tolist(), strict=True):
                gate, up = (self.up[number].double() @ x[token].double()).chunk(2)
                total[token] += part * (self.down[number].double() @ (functional.silu(gate) * up))
        return total


def _grouped(x: Tensor, weights: Tensor, ends: Tensor) -> Tensor:
    return functional.grouped_mm(x, weights.transpose(-2, -1), offs=ends)


def layers(
    config: Mapping[str, Any], tokens: Sequence[int], device: str
) -> Iterator[dict[str, Any]]:
    """Yield what a layer takes for so many tokens, and how many experts they touched."""
    experts = config.get("n_routed_experts") or config.get("num_local_experts")
    layer = Experts(
        experts or config["num_experts"],
        config["num_experts_per_tok"],
        config["hidden_size"],
        config.get("moe_intermediate_size") or config["intermediate_size"],
        device,
    )
    for number in tokens:
        x = torch.empty(number, layer.hidden, device=device, dtype=torch.bfloat16)
        draws = [torch.Generator(device).manual_seed(draw) for draw in range(DRAWS)]

        def renew(draw: int, x: Tensor = x, draws: list[torch.Generator] = draws) -> None:
            x.normal_(generator=draws[draw % DRAWS])

        touched = []
        for draw in range(20):
            renew(draw)
            touched.append(int(layer.routed(x)[1].unique().numel()))
        for graph in (True, False):
            with torch.inference_mode():
                found = timed(lambda x=x: layer(x), graph, before=renew)
            yield {
                "tokens": number,
                "experts": layer.experts,
                "chosen": layer.chosen,
                "touched": round(sum(touched) / len(touched), 2),
                **found,
            }


def check(device: str) -> float:
    """Return how far a small layer is from the same computed plainly; refuse a wrong one."""
    torch.manual_seed(0)
    layer = Experts(16, 4, 256, 128, device)
    x = torch.randn(24, 256, device=device, dtype=torch.bfloat16)
    exact = layer.plainly(x)
    error = float((layer(x).double() - exact).norm() / exact.norm())
    if not error < 0.03:
        raise ValueError(f"a layer of experts is off by {error}")
    return error
