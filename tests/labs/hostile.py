"""What somebody might put into an answer cell beside a number."""

import math
from fractions import Fraction
from typing import Any

import numpy as np

HOSTILE: list[Any] = [
    None,
    ...,
    "0.4",
    "",
    b"0.4",
    True,
    False,
    math.nan,
    math.inf,
    -math.inf,
    1 + 2j,
    [],
    [0.4],
    [0.4, 0.5],
    (1, 2),
    {},
    {"answer": 0.4},
    {0.4},
    Fraction(2, 5),
    object(),
    int,
    lambda: 0.4,
    np.array([]),
    np.array([0.4]),
    np.zeros(1_000_000),
    np.zeros((300, 300)),
    np.array(["0.4"]),
    np.array(None),
    np.datetime64("2024-01-01"),
    [[1, 2], [3]],
    10**400,
    -(10**400),
    "x" * 100_000,
    range(3),
    NotImplemented,
]
