"""Numeric models of model serving: every number in *Serving, by the Numbers* is computed here.

Import the module that holds the concept (``from labs import queueing``); nothing is loaded
before it is used. Rates are per second, times in seconds, sizes in bytes, lengths in tokens.

Modules import downwards only: what is shown (`labs.explore`, `labs.style`, `labs.checks`), then
`labs.evidence`, plans and whole scenarios, mechanisms such as `labs.queueing`, and at the bottom
devices, models, traces, intervals and validation. No page uses `labs.safety`, `labs.sweep`, or
error budgets, attainment and goodput of `labs.slo` yet: they are for the lessons to come on
capacity, objectives and safety.
"""

__version__ = "0.1.0"
