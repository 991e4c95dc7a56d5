"""Noise levels, predictions, samplers and training objectives; this room knows no network."""
