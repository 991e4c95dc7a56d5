"""How one video lies on many devices: timeline, mesh, noise."""
