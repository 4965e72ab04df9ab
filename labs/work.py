"""What steps ask of devices at the rates of their datasheets: seconds and counts."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from labs import validation as check
from labs.devices import Device, device_of
from labs.models import Model, model_of
from labs.number_types import BYTES, Precision, precision_of
from labs.step import pairs_before
from labs.validation import FloatArray


@dataclass(frozen=True)
class Work:
    """What steps ask of devices: seconds at the datasheet's rates, and counts. Arrays over steps.

    Attributes
    ----------
    dense : array (n,)
        Seconds to read the weights that every pass reads.
    routed : array (n,)
        Seconds to read those of all routed experts.
    share : array (n,)
        Experts a token uses, over all.
    token : array (n,)
        Seconds of arithmetic for each token.
    head : array (n,)
        Seconds of arithmetic in the last layer, for each sequence that decodes.
    wire : array (n,)
        Seconds on the link for each token.
    cache : array (n,)
        Seconds to read a token of context once.
    again : array (n,)
        Seconds to read it again for each further query head.
    context_work : array (n,)
        Seconds of arithmetic with it.
    pair : array (n,)
        Seconds of arithmetic for each pair of prompt tokens.
    layers : array (n,)
        How many.
    hops : array (n,)
        All-reduces, times log2 of the devices.
    narrow : array (n,)
        1 where products are of fewer than 16 bits, else 0.
    prefill : array (n,)
        Prompt tokens.
    decoding : array (n,)
        Sequences that decode.
    context : array (n,)
        The sum of their contexts.
    pairs : array (n,)
        Pairs of prompt tokens.

    Examples
    --------
    >>> work_of("Llama-2-7B", "A100-80", "bf16").layers.item()
    32.0
    """

    dense: FloatArray
    routed: FloatArray
    share: FloatArray
    token: FloatArray
    head: FloatArray
    wire: FloatArray
    cache: FloatArray
    again: FloatArray
    context_work: FloatArray
    pair: FloatArray
    layers: FloatArray
    hops: FloatArray
    narrow: FloatArray
    prefill: FloatArray
    decoding: FloatArray
    context: FloatArray
    pairs: FloatArray

    @classmethod
    def together(cls, works: Sequence["Work"]) -> "Work":
        """Return the steps of several one after the other.

        Parameters
        ----------
        works : sequence of Work
            At least one.

        Returns
        -------
        Work

        Examples
        --------
        >>> one = work_of("Llama-2-7B", "A100-80", "bf16")
        >>> Work.together([one, one]).layers.tolist()
        [32.0, 32.0]
        """
        parts = [np.broadcast_arrays(*vars(work).values()) for work in works]
        names = [field.name for field in fields(cls)]
        return cls(
            **{
                name: np.concatenate([np.ravel(part[place]) for part in parts])
                for place, name in enumerate(names)
            }
        )


def work_of(
    model: Model | str,
    device: Device | str,
    dtype: Precision | str,
    devices: int = 1,
    batch: Any = 0.0,
    context: Any = 0.0,
    prefill: Any = 0.0,
    prompt: Any = None,
) -> Work:
    """Return what a step asks of devices.

    Parameters
    ----------
    model : Model or str
        An entry of `labs.models.MODELS`, or its name.
    device : Device or str
        An entry of `labs.devices.DEVICES`, or its name.
    dtype : Precision or str
        As in `labs.number_types.precision_of`; the device must compute in it.
    devices : int
        How many share the model by tensor parallelism, at least 1.
    batch : float or array
        Sequences that decode, at least 0.
    context : float or array
        Mean tokens in their caches, at least 0.
    prefill : float or array
        Prompt tokens read, at least 0.
    prompt : float, array or None
        Length of the prompts they belong to; None: all are one prompt.

    Returns
    -------
    Work
        Of arrays that broadcast together.

    Raises
    ------
    ValueError
        If an argument is unknown or out of range.

    Examples
    --------
    >>> work = work_of("Llama-2-7B", "A100-80", "bf16", batch=[1, 2], context=100)
    >>> round(1e3 * float(work.dense), 2), work.context.tolist()
    (6.48, [100.0, 200.0])
    """
    model, device, precision = model_of(model), device_of(device), precision_of(dtype)
    devices = check.count("devices", devices)
    given = {"batch": batch, "context": context, "prefill": prefill}
    asked = {
        name: check.numbers(name, value, least=0, most=check.MOST) for name, value in given.items()
    }
    if prompt is None:
        asked["prompt"] = asked["prefill"]
    else:
        asked["prompt"] = check.numbers("prompt", prompt, above=0, most=check.MOST)
    batch, context, prefill, length = check.broadcast(**asked)
    bandwidth, peak = devices * device.bandwidth, devices * device.peak(precision.rate)
    weight = precision.weight_bytes
    embedding = model.embedding_parameters
    reduced = 2 * model.layers * model.hidden * 2.0 * 2 * (devices - 1) / devices
    # Where no context is given, what the first token of one costs stands for all.
    each = np.maximum(context, 1.0)
    kept = [
        cache.layers * cache.elements * cache.seen(each) / min(devices, cache.parts)
        for cache in model.caches
    ]
    again = [part * (cache.readers - 1) for part, cache in zip(kept, model.caches, strict=True)]
    element = precision.cache_bytes / device.bandwidth
    state = model.state / each / devices
    whole = np.maximum(length, 2.0)
    return Work(
        dense=np.asarray(model.dense_parameters * weight / bandwidth),
        routed=np.asarray(model.routed_parameters * weight / bandwidth),
        share=np.asarray(model.share),
        token=np.asarray(2 * (model.used_parameters - embedding) / peak),
        head=np.asarray(2 * embedding / peak),
        wire=np.asarray(reduced / device.link if devices > 1 and device.link else 0.0),
        cache=np.asarray((sum(kept) / each + state) * element),
        again=np.asarray(sum(again) / each * element),
        context_work=np.asarray(model.attention_operations(each) / each / peak),
        pair=np.asarray(model.prompt_operations(whole) / pairs_before(whole) / peak),
        layers=np.asarray(float(model.layers)),
        hops=np.asarray(2 * model.layers * np.log2(devices)),
        narrow=np.asarray(float(BYTES[precision.compute] < 2)),
        prefill=prefill,
        decoding=batch,
        context=batch * context,
        pairs=prefill * np.maximum(length - 1, 0) / 2,
    )
