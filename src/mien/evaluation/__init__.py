"""Figures of a classifier from arrays, and the reports that show them."""
