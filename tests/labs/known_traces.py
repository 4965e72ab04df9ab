"""Facts of the published traces, computed independently of labs."""

# traces/README.md: facts of the Azure chat trace, computed independently of labs.
QUANTILES = {
    "prompt": {0.05: 181, 0.25: 396, 0.5: 1020, 0.75: 1189, 0.95: 4083, 0.99: 4142},
    "output": {0.05: 41, 0.25: 85, 0.5: 129, 0.75: 395, 0.95: 451, 0.99: 601},
}
REQUESTS, SECONDS, RATE, INTERARRIVAL_CV = 19_366, 3501.7, 5.530, 1.094
CORRELATION = -0.112353
MEANS = {"prompt": 22_361_870 / REQUESTS, "output": 4_088_665 / REQUESTS}

# traces/README.md: LRU hit ratio of leading blocks by capacity, computed independently of labs.
HIT_RATIO = {1000: 0.0445, 5000: 0.1104, 10_000: 0.2112, 30_000: 0.3257, 50_000: 0.3546} | {
    100_000: 0.3637,
    182_790: 0.3664,
}
