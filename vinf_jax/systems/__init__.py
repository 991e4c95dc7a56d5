"""Systems, one file or package per paper; no system imports another."""
