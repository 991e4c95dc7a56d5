"""Layers. They ask their timeline for other frames and never know where they run."""
