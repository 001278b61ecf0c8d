"""Uploaded photos and videos that are read in the background, one job at a time."""
