"""Systems, one file per paper; no system imports another."""
