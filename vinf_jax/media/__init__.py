"""Video files in and out, data sets of clips, and the procedural sprites with their judge."""
