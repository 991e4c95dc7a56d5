"""Distances and scores of videos: FVD, inception score, PSNR, by their published protocols."""
