"""The ground floor: labels, result types, imaging, errors and the ONNX session.

Nothing here knows torch, the web or any other room of mien; every other room may use it.
"""
