"""One loop, one optimiser, one moving average."""
