"""A Llama-like stack of layers with random weights: what a step costs, decoding and reading."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from benchmarks.accelerator.clock import timed
from benchmarks.accelerator.numbers import NUMBERS

KERNELS = {"flash": SDPBackend.FLASH_ATTENTION, "cudnn": SDPBackend.CUDNN_ATTENTION}
EPSILON = 1e-5


class Stack:
    """Layers as Llama has them, with an embedding before and a last layer of 16 bits behind.

    Parameters
    ----------
    config : mapping
        What a Hugging Face ``config.json`` says of the model.
    layers : int
        How many of its layers stand here.
    dtype : str
        A key of `numbers.NUMBERS`: of the weights and products within layers; the cache, the
        embedding and the last layer are of 16 bits, as servers keep them.
    room : int
        Tokens of cache there is room for.
    device : str
        Where.
    """

    def __init__(
        self, config: Mapping[str, Any], layers: int, dtype: str, room: int, device: str
    ) -> None:
        self.hidden, self.vocabulary = config["hidden_size"], config["vocab_size"]
        self.heads, self.kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
        self.width, self.layers, self.room, self.device = 128, layers, room, device
        self.number = NUMBERS[dtype]
        inner, keys = config["intermediate_size"], (self.heads + 2 * self.kv_heads) * self.width
        shapes = {
            "qkv": (keys, self.hidden),
            "out": (self.hidden, self.heads * self.width),
            "up": (2 * inner, self.hidden),
            "down": (self.hidden, inner),
        }
        self.weights = [
            {name: self.number.weight(self._drawn(*shape)) for name, shape in shapes.items()}
            for _ in range(layers)
        ]
        elements = 2 * self.kv_heads * self.width * room
        self.caches = [
            torch.empty(elements, device=device, dtype=torch.bfloat16).normal_()
            for _ in range(layers)
        ]
        self.norm = torch.ones(self.hidden, device=device, dtype=torch.bfloat16)
        self.embedding = self._drawn(self.vocabulary, self.hidden)
        self.last = self._drawn(self.vocabulary, self.hidden)
        self._compile()

    def _drawn(self, rows: int, columns: int) -> Tensor:
        drawn = torch.empty(rows, columns, device=self.device, dtype=torch.bfloat16)
        return drawn.normal_(0.0, columns**-0.5)

    def _compile(self) -> None:
        """Fuse what stands between products, as servers' kernels do; sizes stay free."""
        operand, heads, kv_heads, width = self.number.operand, self.heads, self.kv_heads, self.width

        def entered(x: Tensor, residual: Tensor, norm: Tensor) -> tuple[Any, Tensor]:
            residual = residual + x
            normed = functional.rms_norm(residual, (residual.shape[-1],), norm, EPSILON)
            return operand(normed), residual

        def gated(x: Tensor) -> Any:
            gate, up = x.chunk(2, -1)
            return operand(functional.silu(gate) * up)

        def rotated(qkv: Tensor, cosine: Tensor, sine: Tensor) -> tuple[Tensor, Tensor]:
            split = qkv.view(qkv.shape[0], heads + 2 * kv_heads, width)
            turned, value = split[:, : heads + kv_heads], split[:, heads + kv_heads :]
            first, second = turned.chunk(2, -1)
            turn = torch.cat([-second, first], -1)
            turned = turned * cosine[:, None] + turn * sine[:, None]
            return turned[:, :heads], torch.stack([turned[:, heads:], value])

        self.entered: Callable[..., Any] = torch.compile(entered, dynamic=True)
        self.gated: Callable[..., Any] = torch.compile(gated, dynamic=True)
        self.rotated: Callable[..., Any] = torch.compile(rotated, dynamic=True)
        # What needs no arithmetic needs no kernel.
        self.operand: Callable[..., Any] = operand
        if self.number.name != "bf16":
            self.operand = torch.compile(operand, dynamic=True)

    def some(self, number: int) -> Tensor:
        """Return tokens drawn at random."""
        return torch.randint(self.vocabulary, (number,), device=self.device)

    def angles(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Return cosine and sine of each position's rotation."""
        rates = 500_000.0 ** -(torch.arange(0, self.width, 2, device=self.device) / self.width)
        angle = torch.cat([positions[:, None] * rates] * 2, -1)
        return angle.cos().bfloat16(), angle.sin().bfloat16()

    def step(
        self, decoding: Tensor, context: int, prompt: Tensor, kernel: str
    ) -> Callable[[], tuple[Tensor, Tensor]]:
        """Return a step that gives the logits and the likeliest tokens of all that it serves.

        Parameters
        ----------
        decoding : tensor (batch,)
            The last tokens of sequences that decode.
        context : int
            Tokens in the cache of each, that one among them.
        prompt : tensor (tokens,)
            A prompt that is read in the same step.
        kernel : str
            A key of `KERNELS`.
        """
        batch, read, width = decoding.numel(), prompt.numel(), self.width
        own = 2 * batch * self.kv_heads * context * width
        end = own + 2 * read * self.kv_heads * width
        shape = (2, batch, self.kv_heads, context, width)
        decoded = [cache[:own].view(shape) for cache in self.caches]
        reading = [cache[own:end].view(2, self.kv_heads, read, width) for cache in self.caches]

        def attend(query: Tensor, fresh: Tensor, layer: int) -> Tensor:
            found = []
            if batch:
                keys, values = decoded[layer]
                decoded[layer][:, :, :, -1] = fresh[:, :batch]
                found.append(
                    _attention(query[:batch, :, None], keys, values, causal=False)[:, :, 0]
                )
            if read:
                reading[layer].copy_(fresh[:, batch:].transpose(1, 2))
                q, k, v = (part[batch:].transpose(0, 1)[None] for part in (query, *fresh))
                found.append(_attention(q, k, v, causal=True)[0].transpose(0, 1))
            return (found[0] if len(found) == 1 else torch.cat(found)).flatten(1)

        device = self.device
        places = torch.full((batch,), context - 1, device=device), torch.arange(read, device=device)
        positions, tokens = torch.cat(places), torch.cat([decoding, prompt])
        answers = torch.arange(batch + bool(read), device=device)
        answers[batch:] = batch + read - 1
        cosine, sine = self.angles(positions)
        product, backend = self.number.product, KERNELS[kernel]

        def step() -> tuple[Tensor, Tensor]:
            with torch.inference_mode(), sdpa_kernel(backend):
                residual = functional.embedding(tokens, self.embedding)
                x = torch.zeros_like(residual)
                for layer, weights in enumerate(self.weights):
                    entered, residual = self.entered(x, residual, self.norm)
                    query, fresh = self.rotated(product(entered, weights["qkv"]), cosine, sine)
                    attended = self.operand(attend(query, fresh, layer))
                    x = product(attended, weights["out"])
                    entered, residual = self.entered(x, residual, self.norm)
                    x = product(self.gated(product(entered, weights["up"])), weights["down"])
                last = (residual + x)[answers]
                final = functional.rms_norm(last, (self.hidden,), self.norm, EPSILON)
                logits = functional.linear(final, self.last)
                return logits, logits.argmax(-1)

        return step


def _attention(query: Tensor, keys: Tensor, values: Tensor, causal: bool) -> Tensor:
    return functional.scaled_dot_product_attention(
        query, keys, values, is_causal=causal, enable_gqa=True
    )


def steps(stack: Stack, cases: Iterable[tuple[int, int, int]]) -> Iterator[dict[str, Any]]:
    """Yield what steps of a stack take, with a graph and without, those that its cache holds.

    A case is how many sequences decode, the context of each, and how many prompt tokens are read.
    Of the attention kernels the one stands that is fastest in a graph.
    """
    for batch, context, read in cases:
        if batch * context + read > stack.room:
            continue
        case = {"batch": batch, "context": context, "prefill": read}
        step = partial(stack.step, stack.some(batch), context, stack.some(read))
        tried = {kernel: timed(step(kernel), graph=True, repeats=5) for kernel in KERNELS}
        kernel = min(tried, key=lambda name: tried[name]["seconds"])
        for graph in (True, False):
            yield {**case, "kernel": kernel, **timed(step(kernel), graph)}


def check(device: str) -> dict[str, float]:
    """Return how far decoding a prompt's last token is from reading it, by type and kernel.

    Alone or in one step, both must give the same logits. They share neither mask nor layout: were
    the rotation, the cache or the order of heads wrong in one, the difference would be as large as
    they are.
    """
    config = {
        "hidden_size": 512,
        "vocab_size": 1000,
        "num_attention_heads": 8,
        "num_key_value_heads": 2,
        "intermediate_size": 1024,
    }
    torch.manual_seed(0)
    errors = {}
    for dtype in NUMBERS:
        for kernel in KERNELS:
            stack = Stack(config, 2, dtype, 128, device)
            prompt, none = stack.some(48), stack.some(0)
            whole = stack.step(none, 0, prompt, kernel)()[0].double()
            alone = stack.step(prompt[-1:], 48, none, kernel)()[0].double()
            both = stack.step(prompt[-1:], 48, prompt, kernel)()[0].double()
            apart = torch.cat([alone - whole, both - whole]).norm(dim=-1) / whole.norm()
            errors[f"{dtype}, {kernel}"] = error = float(apart.max())
            if not error < 0.1:
                raise ValueError(f"{dtype} with {kernel} is off by {error}")
    return errors
