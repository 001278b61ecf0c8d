"""People moving through a picture with known truth, and what a tracker makes of them.

`truth` moves them, `detector` sees their boxes as an imperfect detector would, `pictures` draws
them for a real one, `greedy` is the simple tracker to compare with, and `score` counts by
motmetrics. `python -m bench.tracking` measures.
"""
