"""A trained model as a folder: what it holds, how it is found, checked, run and written.

A bundle is `config.json` (all that is needed to run the model rightly), `model.onnx` and
`MODEL_CARD.md`. Training writes bundles; everything that reads faces loads them. No torch here.
"""
