"""Machines and models: the catalogue, what physics allows, what systems do, what this machine does.

Each name lives in the module that its concept has; this one brings them together.
"""

from labs.bounds import attainable, decode_step, largest_batch, prefill_time, ridge_point
from labs.devices import DEVICES, PRICES, Device, PriceList, device_of
from labs.forecasts import Forecast, forecast, kv_room, step_time
from labs.intervals import QuantileInterval as QuantileInterval
from labs.machine import Machine, Rate, measure
from labs.models import MODELS, Cache, Model, model_of
from labs.number_types import BYTES, PRECISIONS, Precision, precision_of
from labs.profiles import ENGINES, PROFILES, Profile, profile

__all__ = [
    "BYTES",
    "DEVICES",
    "ENGINES",
    "MODELS",
    "PRECISIONS",
    "PRICES",
    "PROFILES",
    "Cache",
    "Device",
    "Forecast",
    "Machine",
    "Model",
    "Precision",
    "PriceList",
    "Profile",
    "Rate",
    "attainable",
    "decode_step",
    "device_of",
    "forecast",
    "kv_room",
    "largest_batch",
    "measure",
    "model_of",
    "precision_of",
    "prefill_time",
    "profile",
    "ridge_point",
    "step_time",
]
