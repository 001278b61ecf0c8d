"""The tables, as SQLAlchemy knows them; what they hold is told in docs/store.md.

Figures of a face are whole numbers: tenths of a pixel, ten-thousandths of a probability, which is
the precision of a row of `Observation.to_dict`. Measured against columns of real numbers and a
blob of float32 a face, that was the smallest by far, no slower to write and the quickest to
average, and any SQL tool can read it: `select avg(p_happiness) / 10000.0 from observations`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    TypeDecorator,
)

from mien.core.labels import COLOURS
from mien.core.types import LANDMARKS

RAW, SMOOTHED = "p_", "s_"
# What a whole number in a column stands for is itself over this.
TENTHS, TEN_THOUSANDTHS = 10, 10_000
BOX = ("x1", "y1", "x2", "y2")
POINTS = tuple(f"{name}_{axis}" for name in LANDMARKS for axis in "xy")
EXPRESSIONS = tuple(COLOURS)


class UtcTime(TypeDecorator[datetime]):
    """A moment in UTC, which SQLite would keep without its time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return what the database keeps."""
        return value if value is None else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return the moment with its time zone, whichever way the database kept it."""
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


metadata = MetaData(
    # Names that are the same everywhere, so that a later migration can find what it changes.
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)


def _of_session(*, in_key: bool = True) -> Column[int]:
    return Column(
        "session_id",
        Integer,
        ForeignKey("sessions.id", ondelete="CASCADE"),
        primary_key=in_key,
        nullable=False,
        index=not in_key,
        autoincrement=False,
    )


sessions = Table(
    "sessions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("title", Text, nullable=False),
    Column("source", Text),
    Column("note", Text, nullable=False),
    Column("consent_text", Text),
    Column("consent_at", UtcTime),
    Column("bundle", Text),
    # Those two are not known before the first frame and the first face.
    Column("detector", Text),
    Column("label_set", String(32)),
    Column("reading", JSON, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    # Written with all that is committed: the end of a recording that nobody ended.
    Column("alive_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Column("keep_until", UtcTime),
    # Of the frames; kept up to date by the recorder, so that a list needs no counting.
    Column("first_s", Double),
    Column("last_s", Double),
    Column("frames", Integer, nullable=False),
    Column("observations", Integer, nullable=False),
    CheckConstraint("(consent_text is null) = (consent_at is null)", name="consent_has_its_time"),
    # A number that is given once is never given to another session.
    sqlite_autoincrement=True,
)

people = Table(
    "people",
    metadata,
    _of_session(),
    Column("track_id", Integer, primary_key=True, autoincrement=False),
    Column("name", Text),
    # The track of the same person that this one counts for; that one has none itself.
    Column("same_as", Integer),
    Column("hidden", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

frames = Table(
    "frames",
    metadata,
    _of_session(),
    # From 0 in the order of recording; the index is that of the source, which may start anew.
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("frame_index", Integer, nullable=False),
    Column("timestamp_s", Double, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("error", Text),
    sqlite_with_rowid=False,
)

# Column to what its whole numbers have to be divided by.
SCALES: Mapping[str, int] = MappingProxyType(
    {
        **dict.fromkeys(BOX, TENTHS),
        "detector_confidence": TEN_THOUSANDTHS,
        **dict.fromkeys(POINTS, TENTHS),
        "sharpness": TENTHS,
        **{RAW + label: TEN_THOUSANDTHS for label in EXPRESSIONS},
        **{SMOOTHED + label: TEN_THOUSANDTHS for label in EXPRESSIONS},
    }
)

observations = Table(
    "observations",
    metadata,
    _of_session(),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("face_index", SmallInteger, primary_key=True, autoincrement=False),
    Column("track_id", Integer),
    Column("predicted", Boolean, nullable=False),
    *(
        Column(name, SmallInteger if scale == TEN_THOUSANDTHS else Integer)
        for name, scale in SCALES.items()
    ),
    sqlite_with_rowid=False,
)

markers = Table(
    "markers",
    metadata,
    Column("id", Integer, primary_key=True),
    _of_session(in_key=False),
    Column("timestamp_s", Double, nullable=False),
    Column("word", Text, nullable=False),
)

media = Table(
    "media",
    metadata,
    Column("id", Integer, primary_key=True),
    _of_session(in_key=False),
    Column("kind", String(32), nullable=False),
    # Under the folder of media: never made of what a client calls it.
    Column("file", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("timestamp_s", Double),
    Column("track_id", Integer),
)
