"""The server: the live page, the REST routes and the live socket.

`create_app(settings)` of `mien.web.app` makes it. Routes are thin, one file a group; reading
pictures is done by an `Engine` in worker threads. Pictures are never written anywhere.
"""
