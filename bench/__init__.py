"""Measurements of speed and memory, run by `make bench`.

Every other module here is one measurement. It is a program: `python -m bench.NAME` measures
on this machine and prints one JSON object on standard output, and nothing else there. It
exits 0 when it has measured, `NOT_HERE` when something that it needs is not on this machine
(the last line on standard error says what), and otherwise has failed.
"""

# As automake and meson have it: the test was skipped, for a reason that was said.
NOT_HERE = 77
