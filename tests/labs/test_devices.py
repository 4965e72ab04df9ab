"""Datasheets with sources, within physics and markets; peaks dense; memory as drivers report it."""

from itertools import pairwise
from typing import Any

import pytest

from labs import devices, hardware
from labs.devices import DEVICES, PRICES, Device, device_of

# What the vendors print with sparsity, in TFLOP/s: the catalogue holds half of it.
SPARSE = {
    ("L4", "bf16"): 242,
    ("L4", "fp8"): 485,
    ("L40S", "bf16"): 724,
    ("A100-40", "bf16"): 624,
    ("A100-80", "bf16"): 624,
    ("A100-80", "int8"): 1248,
    ("H100", "bf16"): 1979,
    ("H100", "fp8"): 3958,
    ("H200", "bf16"): 1979,
    ("H200", "fp8"): 3958,
    ("B200", "bf16"): 4500,
    ("B200", "fp8"): 9000,
    ("B200", "fp4"): 18_000,
    ("MI300X", "fp16"): 2614,
    ("MI300X", "fp8"): 5230,
}
WANTED = (
    "T4 L4 A10G L40S A100-40 A100-80 H100 H100-PCIe H200 H20 B200 B300 GB200 MI300X MI325X MI355X "
    "RTX-4090 RTX-5090 RTX-PRO-6000 v5e v6e v7 Trainium2"
)


def test_the_catalogue_holds_what_people_run() -> None:
    assert set(WANTED.split()) <= set(DEVICES)
    assert len(DEVICES) >= 24
    assert hardware.DEVICES is DEVICES


@pytest.mark.parametrize("name", DEVICES)
def test_devices_are_within_what_physics_allows_and_say_where_they_were_read(name: str) -> None:
    device = DEVICES[name]
    assert device.name == name
    assert len(device.source) > 20
    assert 5e10 < device.bandwidth < 1e13
    assert 1.5e10 < device.memory < 4e11
    best: dict[float, float] = {}
    for dtype, rate in device.flops.items():
        if dtype != "fp32":
            size = hardware.BYTES[dtype]
            best[size] = max(best.get(size, 0.0), rate)
    rates = [best[size] for size in sorted(best, reverse=True)]
    assert all(later >= 0.99 * rate for rate, later in pairwise(rates)), "narrower is no slower"
    assert all(1e11 < rate < 3e16 for rate in device.flops.values())
    if device.usable is not None:
        assert 0.8 * device.memory < device.usable <= 1.03 * device.memory
    if device.link is not None:
        assert 1e10 < device.link < 3e12
    if device.power is not None:
        assert 30 < device.power < 3000


@pytest.mark.parametrize(("name", "dtype"), SPARSE)
def test_peaks_are_dense_half_of_what_is_printed_sparse(name: str, dtype: str) -> None:
    assert DEVICES[name].flops[dtype] == pytest.approx(SPARSE[name, dtype] * 1e12 / 2, rel=2e-3)


@pytest.mark.parametrize(
    ("name", "mebibytes"),
    [
        ("T4", 15_360),
        ("L4", 23_034),
        ("A100-40", 40_960),
        ("A100-80", 81_920),
        ("H100", 81_559),
        ("H200", 143_771),
        ("B200", 183_359),
        ("RTX-4090", 24_564),
    ],
)
def test_memory_is_what_the_driver_reports(name: str, mebibytes: int) -> None:
    assert DEVICES[name].memory == mebibytes * 2**20


def test_a_price_is_of_one_market_and_one_date() -> None:
    first = next(iter(PRICES.values()))
    for name, device in DEVICES.items():
        assert device.price == first.prices.get(name)
    for prices in PRICES.values():
        assert prices.date.startswith("20")
        assert len(prices.source) > 10
        assert set(prices.prices) <= set(DEVICES)
        assert all(0.1 < price < 30 for price in prices.prices.values())
    assert {"T4", "L4", "A100-40", "A100-80", "H100", "H200", "B200"} <= set(first.prices)


def test_what_no_market_lists_has_no_price() -> None:
    unlisted = [device for device in DEVICES.values() if device.price is None]
    assert unlisted, "the first market does not rent out every device there is"


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: Device("mine", {"bf16": 0}, 1, 1, 1, "x"), "flops"),
        (lambda: Device("mine", [], 1, 1, 1, "x"), "flops"),  # type: ignore[arg-type]
        (lambda: Device("mine", {}, 0, 1, 1, "x"), "bandwidth"),
        (lambda: Device("mine", {}, 1, 1, -1, "x"), "price"),
        (lambda: Device(3, {}, 1, 1, 1, "x"), "name"),  # type: ignore[arg-type]
        (lambda: Device("mine", {"bf16": 1e31}, 1, 1, 1, "x"), "flops"),
        (lambda: Device("mine", {}, 1e31, 1, 1, "x"), "bandwidth"),
        (lambda: Device("mine", {}, 1, 0, 1, "x"), "memory"),
        (lambda: Device("mine", {}, 1, 1, 1e31, "x"), "price"),
        (lambda: Device("mine", {}, 1, 1, 1, None), "source"),  # type: ignore[arg-type]
        (lambda: Device("mine", {}, 1, 1, None, "x", usable=0), "usable"),
        (lambda: Device("mine", {}, 1, 1, None, "x", link=-1), "link"),
        (lambda: device_of("H1000"), "device"),
        (lambda: DEVICES["H100"].peak("fp4"), "dtype"),
    ],
)
def test_bad_figures_are_named(call: Any, argument: str) -> None:
    with pytest.raises(ValueError, match=rf"^{argument}\b.* must be"):
        call()


def test_a_device_is_found_by_itself_and_by_name() -> None:
    assert device_of(DEVICES["H100"]) is device_of("H100") is devices.DEVICES["H100"]
