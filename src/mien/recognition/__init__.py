"""Pictures in, faces with expressions out; and drawing them.

`Recognizer` for many pictures, `mien.analyze` for one.
"""
