"""`/v1/sessions`: recorded sessions listed, shown, summed up, changed and deleted."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query
from fastapi.responses import Response

from mien.core.labels import label_set
from mien.store import MediaFile, Session, Store
from mien.store.sessions import Order
from mien.web.engine import describe_label_set
from mien.web.errors import ApiError
from mien.web.examples import answers, done
from mien.web.examples_sessions import (
    SESSION_EDITS,
    SESSION_REPLY,
    SESSIONS_REPLY,
    SUMMARY_REPLY,
    TIMELINE_REPLY,
)
from mien.web.schemas import sessions as sessions_json
from mien.web.schemas.sessions import (
    HIGHEST,
    SessionEdit,
    SessionReply,
    SessionsReply,
    SummaryReply,
    TimelineReply,
)
from mien.web.services import ServicesOf

router = APIRouter(tags=["sessions"])

# What any route that uses the store may answer.
STORE_ERRORS = (404, 422, 500, 503)

SessionId = Annotated[
    int, Path(ge=1, le=HIGHEST, description="The session's number.", examples=[3])
]
_Time = Annotated[
    float | None,
    Query(ge=-1e9, le=1e9, description="In seconds, on the clock of the frames.", examples=[1.5]),
]


@router.get(
    "/v1/sessions",
    summary="List recorded sessions",
    responses=answers(SESSIONS_REPLY, 422, 500, 503),
)
async def list_sessions(
    services: ServicesOf,
    search: Annotated[
        str,
        Query(
            max_length=200,
            description="Words that title, note or source must have.",
            examples=["rehearsal"],
        ),
    ] = "",
    order: Annotated[Order, Query(description="What to sort by.", examples=["duration"])] = (
        "started"
    ),
    descending: Annotated[bool, Query(description="The largest first.", examples=[False])] = True,
    limit: Annotated[int, Query(ge=1, le=200, description="At most.", examples=[20])] = 50,
    offset: Annotated[
        int, Query(ge=0, le=HIGHEST, description="Leave out so many.", examples=[20])
    ] = 0,
) -> SessionsReply:
    """Sessions without what is in them, the last first; `total` counts all that are found."""

    def read() -> SessionsReply:
        store = services.store()
        found = store.sessions(
            search=search, order=order, descending=descending, limit=limit, offset=offset
        )
        return SessionsReply(
            sessions=[session_json(session) for session in found],
            total=store.count(search=search),
            limit=limit,
            offset=offset,
        )

    return await services.disk.run(read)


@router.get(
    "/v1/sessions/{session_id}",
    summary="Show a session",
    responses=answers(SESSION_REPLY, *STORE_ERRORS),
)
async def show_session(services: ServicesOf, session_id: SessionId) -> SessionReply:
    """A session with its people, markers and kept files; its course is at `/timeline`."""
    return await services.disk.run(lambda: _whole(services.store(), session_id))


@router.patch(
    "/v1/sessions/{session_id}",
    summary="Change a session's title, note, or how long it is kept",
    responses=answers(SESSION_REPLY, *STORE_ERRORS, 507),
)
async def edit_session(
    services: ServicesOf,
    session_id: SessionId,
    wanted: Annotated[SessionEdit, Body(openapi_examples=SESSION_EDITS)],
) -> SessionReply:
    """A field that is left out stays; `keep_days` null keeps the session until it is deleted."""
    given = wanted.model_fields_set
    refuse_null(wanted, "title")

    def change() -> SessionReply:
        store = services.store()
        note = (wanted.note or "") if "note" in given else None
        store.edit(session_id, title=wanted.title, note=note)
        if "keep_days" in given:
            store.keep(session_id, wanted.keep_days)
        return _whole(store, session_id)

    return await services.disk.run(change)


@router.delete(
    "/v1/sessions/{session_id}",
    summary="Delete a session",
    status_code=204,
    response_class=Response,
    responses=done(*STORE_ERRORS, 409),
)
async def delete_session(services: ServicesOf, session_id: SessionId) -> None:
    """Takes everything: rows, kept files, and their traces in the database's file."""

    def delete() -> None:
        services.summaries.forget(session_id)
        services.store().delete(session_id)
        # Somebody may have asked meanwhile.
        services.summaries.forget(session_id)

    await services.disk.run(delete)


@router.get(
    "/v1/sessions/{session_id}/timeline",
    summary="A session's course in bins of time",
    responses=answers(TIMELINE_REPLY, *STORE_ERRORS),
)
async def show_timeline(
    services: ServicesOf,
    session_id: SessionId,
    start_s: _Time = None,
    end_s: _Time = None,
    bins: Annotated[
        int, Query(ge=1, le=10_000, description="How many, as there are pixels.", examples=[900])
    ] = 600,
    smoothed: Annotated[
        bool, Query(description="Smoothed probabilities, where there are any.", examples=[False])
    ] = True,
    together: Annotated[
        bool, Query(description="One line for everybody.", examples=[True])
    ] = False,
) -> TimelineReply:
    """Mean probabilities of each person in each bin; bins without a face are left out."""

    def read() -> TimelineReply:
        found = services.store().timeline(
            session_id,
            start_s=start_s,
            end_s=end_s,
            bins=bins,
            smoothed=smoothed,
            together=together,
        )
        return TimelineReply.model_validate(found.to_dict())

    return await services.disk.run(read)


@router.get(
    "/v1/sessions/{session_id}/summary",
    summary="A session in figures",
    responses=answers(SUMMARY_REPLY, *STORE_ERRORS),
)
async def show_summary(services: ServicesOf, session_id: SessionId) -> SummaryReply:
    """Shares, means, changes and strongest moments, of each person and of everybody."""

    def read() -> SummaryReply:
        told = services.summaries.of(services.store(), session_id)
        return SummaryReply.model_validate(told.to_dict())

    return await services.disk.run(read)


def session_json(session: Session) -> sessions_json.Session:
    """Return a session as JSON."""
    return sessions_json.Session.model_validate(session.to_dict())


def refuse_null(wanted: SessionEdit | sessions_json.PersonEdit, name: str) -> None:
    """Refuse null for a field that cannot be without a value; to let it stay, it is left out.

    Raises:
        ApiError: 422.
    """
    if name in wanted.model_fields_set and getattr(wanted, name) is None:
        words = f"expected a value for {name}, got null; leave it out to let it stay as it is"
        raise ApiError(422, "invalid_request", words)


def _whole(store: Store, session_id: int) -> SessionReply:
    session = store.session(session_id)
    labels = describe_label_set(label_set(session.label_set)).labels if session.label_set else []
    return SessionReply(
        session=session_json(session),
        labels=labels,
        people=people_json(store, session_id),
        markers=[
            sessions_json.Marker.model_validate(marker.to_dict())
            for marker in store.markers.of(session_id)
        ],
        media=[_media_json(file) for file in store.media.of(session_id)],
    )


def people_json(store: Store, session_id: int) -> list[sessions_json.Person]:
    """Return the tracks of a session as JSON."""
    return [
        sessions_json.Person.model_validate(person.to_dict())
        for person in store.people.of(session_id)
    ]


def _media_json(file: MediaFile) -> sessions_json.MediaFile:
    return sessions_json.MediaFile(
        id=file.id,
        kind=file.kind,
        bytes=file.bytes,
        timestamp_s=file.timestamp_s,
        track_id=file.track_id,
        url=f"/v1/sessions/{file.session_id}/media/{file.id}",
    )
