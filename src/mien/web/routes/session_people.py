"""`/v1/sessions/{id}/people` and `/markers`: what somebody says of a recorded session."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path
from fastapi.responses import Response

from mien.store import Store
from mien.web.examples import answers, done
from mien.web.examples_sessions import MARKER, MARKERS_NEW, MERGES, PEOPLE_REPLY, PERSON_EDITS
from mien.web.routes.sessions import STORE_ERRORS, SessionId, people_json, refuse_null
from mien.web.schemas.sessions import (
    HIGHEST,
    Marker,
    MarkerNew,
    PeopleMerge,
    PeopleReply,
    PersonEdit,
)
from mien.web.services import ServicesOf

router = APIRouter(tags=["sessions"])

TrackId = Annotated[
    int, Path(ge=0, le=HIGHEST, description="A person's number in the session.", examples=[1])
]


@router.patch(
    "/v1/sessions/{session_id}/people/{track_id}",
    summary="Name or hide a person",
    responses=answers(PEOPLE_REPLY, *STORE_ERRORS, 507),
)
async def edit_person(
    services: ServicesOf,
    session_id: SessionId,
    track_id: TrackId,
    wanted: Annotated[PersonEdit, Body(openapi_examples=PERSON_EDITS)],
) -> PeopleReply:
    """A field that is left out stays; `name` null takes the name away.

    Who is hidden is left out of timelines, figures and exports. All tracks that were merged into
    one person are named and hidden alike.
    """
    refuse_null(wanted, "hidden")

    def change() -> PeopleReply:
        store = services.store()
        if "name" in wanted.model_fields_set:
            store.people.name(session_id, track_id, wanted.name)
        if wanted.hidden is not None:
            store.people.hide(session_id, track_id, wanted.hidden)
        return _people(store, session_id)

    return await services.disk.run(change)


@router.post(
    "/v1/sessions/{session_id}/people/merge",
    summary="Say that two tracks are one person",
    responses=answers(PEOPLE_REPLY, *STORE_ERRORS, 409, 507),
)
async def merge_people(
    services: ServicesOf,
    session_id: SessionId,
    wanted: Annotated[PeopleMerge, Body(openapi_examples=MERGES)],
) -> PeopleReply:
    """A tracker gives who comes back a new number. Who was seen together cannot be merged."""

    def change() -> PeopleReply:
        store = services.store()
        store.people.merge(session_id, wanted.track_id, wanted.into)
        return _people(store, session_id)

    return await services.disk.run(change)


@router.post(
    "/v1/sessions/{session_id}/people/{track_id}/separate",
    summary="Let a merged track count for itself again",
    responses=answers(PEOPLE_REPLY, *STORE_ERRORS, 507),
)
async def separate_person(
    services: ServicesOf, session_id: SessionId, track_id: TrackId
) -> PeopleReply:
    """Takes back that the track is the same person as another."""

    def change() -> PeopleReply:
        store = services.store()
        store.people.separate(session_id, track_id)
        return _people(store, session_id)

    return await services.disk.run(change)


@router.post(
    "/v1/sessions/{session_id}/markers",
    summary="Mark a moment",
    responses=answers(MARKER, *STORE_ERRORS, 507),
)
async def add_marker(
    services: ServicesOf,
    session_id: SessionId,
    wanted: Annotated[MarkerNew, Body(openapi_examples=MARKERS_NEW)],
) -> Marker:
    """A word to a moment, on the clock of the frames."""

    def add() -> Marker:
        added = services.store().markers.add(session_id, wanted.timestamp_s, wanted.word)
        return Marker.model_validate(added.to_dict())

    return await services.disk.run(add)


@router.delete(
    "/v1/sessions/{session_id}/markers/{marker_id}",
    summary="Take a marker away",
    status_code=204,
    response_class=Response,
    responses=done(*STORE_ERRORS),
)
async def delete_marker(
    services: ServicesOf,
    session_id: SessionId,
    marker_id: Annotated[
        int, Path(ge=1, le=HIGHEST, description="The marker's number.", examples=[12])
    ],
) -> None:
    """Nothing of it is left once the session is deleted or `mien sessions purge` has run."""
    await services.disk.run(lambda: services.store().markers.delete(session_id, marker_id))


def _people(store: Store, session_id: int) -> PeopleReply:
    return PeopleReply(people=people_json(store, session_id))
