"""Other libraries' expression networks, on the faces and by the figures that ours have.

`python -m bench.peers` is the program; `answer.py` and `answer.mjs` run the networks, in the
Python and the Node that have them.
"""
