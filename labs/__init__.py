"""Numeric models of model serving: every number in *Serving, by the Numbers* is computed here.

Import the module that holds the concept (``from labs import queueing``); nothing is loaded
before it is used. Rates are per second, times in seconds, sizes in bytes, lengths in tokens.
"""

__version__ = "0.1.0"
