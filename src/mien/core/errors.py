"""The one family of errors that mien raises on purpose.

Every message says what was expected, what came, and what to do about it. A door (command
line, REST, WebSocket) catches `MienError` and shows its message; anything else is a bug.
"""


class MienError(Exception):
    """Base of every error that mien raises on purpose; its text is fit to show a user."""


class ImageError(MienError):
    """A picture cannot be read: corrupt, empty, too large, or of an unknown kind."""


class ShapeError(MienError):
    """An array does not have the shape or dtype that a function takes."""


class FaceError(MienError):
    """A face that was asked about is not in the picture."""


class LabelError(MienError):
    """An expression name or label set is not one that mien knows."""


class DatasetError(MienError):
    """A dataset file or folder is missing, malformed, or does not fit its partner."""


class DetectorError(MienError):
    """A face detector is unknown or cannot run here; the text says how to get it."""


class BundleError(MienError):
    """A model bundle is missing a part, fails its checksum, or does not fit this version."""


class VideoSourceError(MienError):
    """A video, camera or stream cannot be opened, or nothing in it can be read."""


class VideoWriteError(MienError):
    """A video cannot be written, or not to its end; the text says what was kept."""


class TableWriteError(MienError):
    """A table of results cannot be written, or not to its end; the text says what was kept."""


class StoreError(MienError):
    """Recorded sessions cannot be read or written; a more special error says why, if known."""


class SessionNotFoundError(StoreError):
    """There is no session, or nothing in it, of that number."""


class SessionRunningError(StoreError):
    """A session cannot be deleted or gone on with while it is being recorded."""


class NotOnePersonError(StoreError):
    """Tracks cannot count for one person: they were seen together, or count for one already."""


class StoreUnavailableError(StoreError):
    """The database of sessions cannot be opened or reached."""


class StoreLockedError(StoreError):
    """Something else is using the database of sessions for too long."""


class StoreReadOnlyError(StoreError):
    """The database of sessions can be read, but not written."""


class StoreCorruptError(StoreError):
    """The database of sessions is damaged, or none of mien's."""


class StoreVersionError(StoreError):
    """A newer mien made the database of sessions."""


class StoreFullError(StoreError):
    """There is no room for sessions on the disk; what was written before is kept."""


class FetchError(MienError):
    """A file that others publish cannot be downloaded, or is not the one expected."""


class ConfigError(MienError):
    """A recipe or setting has unknown keys or unusable values; all of them are listed."""


class ServerError(MienError):
    """A server of mien cannot do what a client asks; the text is the server's own, if it gave one.

    Attributes:
        code: The server's word for programs; empty where no server answered.
        retry_after_s: After how many seconds the server wants to be asked again, or None.
    """

    code: str = ""
    retry_after_s: float | None = None


class ServerUnreachableError(ServerError):
    """Nothing answers at the server's address, or not in time, or something else than mien."""


class ServerAccessError(ServerError):
    """The server does not let this client in: a token is missing or wrong."""


class ServerBusyError(ServerError):
    """The server has too much to do, or was asked too often; later it may answer."""


class ProtocolError(ServerError):
    """Server and client speak different versions of the live protocol."""


class MissingExtraError(MienError):
    """A feature needs an optional extra that is not installed; the text names the extra."""
