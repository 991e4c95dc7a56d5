"""Experiments, one short file each: what it makes, on what, how long, and what to expect."""
