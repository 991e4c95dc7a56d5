"""Long and parallel video diffusion in JAX: a room per idea, and imports that run downwards."""

__version__ = "0.1.0"
