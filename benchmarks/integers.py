"""Integer matrix products and quantization against numpy and onnxruntime."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

from benchmarks.timing import in_turn
from labs import quantization

SIDE = 1024
ROWS = 4096


def operator(
    name: str, inputs: dict[str, int], output: int, **attributes: int
) -> Callable[..., Any]:
    """Return one ONNX operator as a function of its inputs, run by onnxruntime."""
    node = helper.make_node(name, list(inputs), ["y"], **attributes)
    graph = helper.make_graph(
        [node],
        name,
        [helper.make_tensor_value_info(key, kind, None) for key, kind in inputs.items()],
        [helper.make_tensor_value_info("y", output, None)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return lambda *values: session.run(None, dict(zip(inputs, values, strict=True)))[0]


def run(rounds: int = 7) -> dict[str, Any]:
    """Time an int8 product and the quantization of a matrix by rows."""
    rng = np.random.default_rng(1)
    a, b = (rng.integers(-128, 128, (SIDE, SIDE), dtype=np.int8) for _ in range(2))
    thin = a[: SIDE // 16].astype(np.int32)
    x = rng.normal(size=(ROWS, ROWS)).astype(np.float32)
    scale = (np.abs(x).max(axis=1) / 127).astype(np.float32)
    zero = np.zeros(ROWS, np.int8)
    matmul = operator(
        "MatMulInteger", {"a": TensorProto.INT8, "b": TensorProto.INT8}, TensorProto.INT32
    )
    quantize = operator(
        "QuantizeLinear",
        {"x": TensorProto.FLOAT, "scale": TensorProto.FLOAT, "zero": TensorProto.INT8},
        TensorProto.INT8,
        axis=0,
    )
    dequantize = operator(
        "DequantizeLinear",
        {"q": TensorProto.INT8, "scale": TensorProto.FLOAT, "zero": TensorProto.INT8},
        TensorProto.FLOAT,
        axis=0,
    )
    wide = b.astype(np.int32)
    q = quantization.quantize_linear(x, scale, 0, np.int8, axis=0)
    exact = {
        "product": np.array_equal(quantization.int_matmul(a, b), matmul(a, b)),
        "quantize": np.array_equal(q, quantize(x, scale, zero)),
        "dequantize": np.array_equal(
            quantization.dequantize_linear(q, scale, 0, axis=0), dequantize(q, scale, zero)
        ),
    }
    seconds = in_turn(
        {
            "product, labs": lambda: quantization.int_matmul(a, b),
            "product, onnxruntime": lambda: matmul(a, b),
            "product, numpy int32 (1/16)": lambda: thin @ wide,
            "quantize, labs": lambda: quantization.quantize_linear(x, scale, 0, np.int8, axis=0),
            "quantize, onnxruntime": lambda: quantize(x, scale, zero),
            "dequantize, labs": lambda: quantization.dequantize_linear(q, scale, 0, axis=0),
            "dequantize, onnxruntime": lambda: dequantize(q, scale, zero),
        },
        rounds,
    )
    # 81 clips are tried; a part of the rows is enough, and they are independent.
    searched = in_turn(
        {"mse": lambda: quantization.quantize(x[: ROWS // 8], 8, axis=0, clip="mse")}, 1
    )
    as_taught = in_turn(
        {
            "quantize": lambda: quantization.quantize(x, 8, axis=0),
            "dequantize": quantization.quantize(x, 8, axis=0).dequantize,
        },
        rounds,
    )
    seconds |= {
        "clip by mse, labs": 8 * searched["mse"],
        "quantize(), labs": as_taught["quantize"],
        "dequantize(), labs": as_taught["dequantize"],
    }
    ratio = {
        "clip by mse / onnxruntime quantize": seconds["clip by mse, labs"]
        / seconds["quantize, onnxruntime"],
        "quantize() / onnxruntime": seconds["quantize(), labs"] / seconds["quantize, onnxruntime"],
        "dequantize() / onnxruntime": seconds["dequantize(), labs"]
        / seconds["dequantize, onnxruntime"],
        "numpy int32 / product": 16
        * seconds["product, numpy int32 (1/16)"]
        / seconds["product, labs"],
        "product / onnxruntime": seconds["product, labs"] / seconds["product, onnxruntime"],
        "quantize / onnxruntime": seconds["quantize, labs"] / seconds["quantize, onnxruntime"],
        "dequantize / onnxruntime": seconds["dequantize, labs"]
        / seconds["dequantize, onnxruntime"],
    }
    met = (
        all(exact.values())
        and ratio["numpy int32 / product"] >= 100
        and ratio["product / onnxruntime"] <= 1.2
        and ratio["quantize / onnxruntime"] <= 6
        and ratio["dequantize / onnxruntime"] <= 4
    )
    return {
        "what": f"int8 product of {SIDE}³, quantization of {ROWS}² by rows",
        "seconds": seconds,
        "ratio": ratio,
        "exact": all(exact.values()),
        "target": "bit-exact; product ≥ 100 × numpy int32, ≤ 1.2 onnxruntime; ≤ 6 and ≤ 4 of it",
        "met": met,
    }
