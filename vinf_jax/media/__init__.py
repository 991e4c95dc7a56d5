"""Video files in and out, and the procedural world of sprites with its judge."""
