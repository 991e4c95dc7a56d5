"""Checkpoints of other projects: one file with a table for each layout that is read and written."""
