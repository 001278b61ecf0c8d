"""The JSON of every route and of the live socket, as pydantic models.

OpenAPI is made from these, and so are the page's TypeScript types (`web/make_types.py`).
"""
