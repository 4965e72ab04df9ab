"""Side by side with peers: ratios of medians from one run, never a timed test."""
