"""Checkpoints of other projects: a table for each layout, and programs that read and write them."""
