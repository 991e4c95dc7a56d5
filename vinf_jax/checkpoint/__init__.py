"""Weights: what they are called elsewhere, and where they lie on disk."""
