"""Training with PyTorch and Lightning: recipes, targets, augmentation, runs, export.

Torch lives only here and in `models`. Needs the `train` extra.
"""
