"""The first form: sessions, people, frames, observations, markers, media."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# As they were when this was written: a step stays what it is, whatever `models` becomes.
_LABELS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
_POINTS = tuple(
    f"{name}_{axis}"
    for name in ("right_eye", "left_eye", "nose", "right_mouth", "left_mouth")
    for axis in "xy"
)
_UTC = sa.DateTime(timezone=True)


def _session_id() -> sa.Column[int]:
    return sa.Column("session_id", sa.Integer, nullable=False)


def _belongs(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["session_id"], ["sessions.id"], name=f"fk_{table}_session_id", ondelete="CASCADE"
    )


def upgrade() -> None:
    """Make the tables of an empty database."""
    _make_sessions()
    _make_people()
    _make_frames()
    _make_observations()
    _make_markers_and_media()


def _make_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("source", sa.Text),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("consent_text", sa.Text),
        sa.Column("consent_at", _UTC),
        sa.Column("bundle", sa.Text),
        sa.Column("detector", sa.Text),
        sa.Column("label_set", sa.String(32)),
        sa.Column("reading", sa.JSON, nullable=False),
        sa.Column("settings", sa.JSON, nullable=False),
        sa.Column("started_at", _UTC, nullable=False),
        sa.Column("alive_at", _UTC, nullable=False),
        sa.Column("ended_at", _UTC),
        sa.Column("keep_until", _UTC),
        sa.Column("first_s", sa.Double),
        sa.Column("last_s", sa.Double),
        sa.Column("frames", sa.Integer, nullable=False),
        sa.Column("observations", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.CheckConstraint(
            "(consent_text is null) = (consent_at is null)",
            name=op.f("ck_sessions_consent_has_its_time"),
        ),
        sqlite_autoincrement=True,
    )


def _make_people() -> None:
    op.create_table(
        "people",
        _session_id(),
        sa.Column("track_id", sa.Integer, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("same_as", sa.Integer),
        sa.Column("hidden", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("session_id", "track_id", name="pk_people"),
        _belongs("people"),
        sqlite_with_rowid=False,
    )


def _make_frames() -> None:
    op.create_table(
        "frames",
        _session_id(),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("frame_index", sa.Integer, nullable=False),
        sa.Column("timestamp_s", sa.Double, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("session_id", "number", name="pk_frames"),
        _belongs("frames"),
        sqlite_with_rowid=False,
    )


def _make_observations() -> None:
    tenths = ("x1", "y1", "x2", "y2", "detector_confidence", *_POINTS, "sharpness")
    op.create_table(
        "observations",
        _session_id(),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("face_index", sa.SmallInteger, nullable=False),
        sa.Column("track_id", sa.Integer),
        sa.Column("predicted", sa.Boolean, nullable=False),
        *(
            sa.Column(name, sa.SmallInteger if name == "detector_confidence" else sa.Integer)
            for name in tenths
        ),
        *(sa.Column(f"p_{label}", sa.SmallInteger) for label in _LABELS),
        *(sa.Column(f"s_{label}", sa.SmallInteger) for label in _LABELS),
        sa.PrimaryKeyConstraint("session_id", "number", "face_index", name="pk_observations"),
        _belongs("observations"),
        sqlite_with_rowid=False,
    )


def _make_markers_and_media() -> None:
    op.create_table(
        "markers",
        sa.Column("id", sa.Integer, nullable=False),
        _session_id(),
        sa.Column("timestamp_s", sa.Double, nullable=False),
        sa.Column("word", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_markers"),
        _belongs("markers"),
    )
    op.create_table(
        "media",
        sa.Column("id", sa.Integer, nullable=False),
        _session_id(),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("timestamp_s", sa.Double),
        sa.Column("track_id", sa.Integer),
        sa.PrimaryKeyConstraint("id", name="pk_media"),
        _belongs("media"),
    )
    for table in ("markers", "media"):
        op.create_index(f"ix_{table}_session_id", table, ["session_id"])
