"""The live socket: frames in, results out, and sessions recorded of them."""
