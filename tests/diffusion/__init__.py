"""Tests of vinf_jax/diffusion."""
