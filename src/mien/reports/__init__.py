"""What was read over time, to look at: plots for notebooks, the page of a video."""
