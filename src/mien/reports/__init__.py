"""What was read over time, to look at: plots for notebooks, the page of a video.

`VideoDigest` is fed the frames of a video while it is read, and `write_video_page` makes a page of
it. The plots are in `mien.reports.plots`, which is `mien.plots` to those who import mien; they
take results or tables of them, and load matplotlib.
"""
