"""`/v1/jobs`: photos and videos that are sent once and read in the background."""

from __future__ import annotations

import itertools
import json
import tempfile
import uuid
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from mien.core.labels import label_set as labels_of
from mien.core.result_json import frame_from_dict
from mien.recognition.rows.files import RowFile
from mien.store.records import now_utc
from mien.web.engine import Choice
from mien.web.errors import ApiError
from mien.web.examples import answers, done, errors_told
from mien.web.examples_jobs import JOB, JOB_RESULTS_REPLY, JOBS_REPLY
from mien.web.jobs.intake import take_in
from mien.web.jobs.job import JobOrder, Kind
from mien.web.jobs.uploads import boundary_of
from mien.web.limits import client_of
from mien.web.schemas import jobs as jobs_json
from mien.web.schemas.pictures import Frame
from mien.web.schemas.sessions import HIGHEST
from mien.web.services import Services, ServicesOf

router = APIRouter(tags=["jobs"])

PATH = "/v1/jobs"
ExportFormat = Literal["csv", "json", "parquet"]
_EXPORT_TYPES: dict[ExportFormat, str] = {
    "csv": "text/csv",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
}
# What any route of a job may answer.
_ERRORS = (403, 404, 422, 500, 503)
_EVERY_S = 0.2

JobId = Annotated[
    uuid.UUID,
    Path(description="The job's id.", examples=["4f0c1f1e-6f5b-4a53-9d0f-3f6d5b0a7c11"]),
]
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "description": "One video, or any number of photos.",
                        }
                    },
                }
            }
        },
    }
}


@router.post(
    PATH,
    summary="Send photos or a video to be read in the background",
    openapi_extra=_FORM,
    responses=answers(JOB, 400, 403, 408, 413, 415, 422, 429, 500, 503, 507),
)
async def create_job(
    request: Request,
    services: ServicesOf,
    kind: Annotated[
        Kind, Query(description="What is sent: photos, or one video.", examples=["photos"])
    ] = "photos",
    title: Annotated[
        str,
        Query(
            max_length=200,
            description="What to call it, and a video's session; else as the file.",
            examples=["Rehearsal"],
        ),
    ] = "",
    consent: Annotated[
        str | None,
        Query(
            max_length=2000,
            description="What those in view agreed to; a video needs it.",
            examples=["All in view agreed to being read and kept for a week."],
        ),
    ] = None,
    keep_days: Annotated[
        int | None,
        Query(ge=1, le=36_500, description="How long to keep a video's session.", examples=[30]),
    ] = None,
    keep_video: Annotated[
        bool,
        Query(description="Keep the video with its session, else it is deleted.", examples=[False]),
    ] = False,
    every_s: Annotated[
        float,
        Query(
            ge=0.001,
            le=3600,
            description="Of a video, read one frame in so many seconds.",
            examples=[0.5],
        ),
    ] = _EVERY_S,
    bundle: Annotated[
        str | None, Query(max_length=200, description="A model of /v1/models.", examples=["mien-s"])
    ] = None,
    detector: Annotated[
        str | None,
        Query(max_length=100, description="A detector of /v1/models.", examples=["blazeface"]),
    ] = None,
    label_set: Annotated[
        str | None,
        Query(max_length=100, description="A label set of /v1/models.", examples=["fer2013"]),
    ] = None,
) -> jobs_json.Job:
    """Files are written to disk while they come in, and deleted once they are read.

    A video becomes a session, which needs the consent of those in view; photos have results at
    `/v1/jobs/{id}/results`. A job that has not ended, with all its files, is deleted after some
    days. Only one job is read at a time, with what is left of the processor by live frames.
    """
    services.uploads.check(client_of(request))
    _check_wanted(services, kind, consent)
    boundary_of(request)
    choice = services.engine.default.changed(bundle=bundle, detector=detector, label_set=label_set)
    found = await services.queue.run(services.engine.prepare, choice)
    order = JobOrder(
        kind=kind,
        title=title.strip(),
        consent=consent if kind == "video" else None,
        consent_at=now_utc() if kind == "video" else None,
        keep_days=keep_days,
        keep_video=keep_video,
        every_s=every_s,
        bundle=choice.bundle or services.engine.bundle_name,
        detector=_lasting(choice, found),
        label_set=choice.label_set,
    )
    jobs = services.jobs
    await services.disk.run(jobs.begin_receiving)
    try:
        return (await take_in(request, services, order)).to_reply()
    finally:
        jobs.end_receiving()


@router.get(PATH, summary="List jobs", responses=answers(JOBS_REPLY, 403, 500, 503))
async def list_jobs(services: ServicesOf) -> jobs_json.JobsReply:
    """All jobs that have not expired, the newest first."""
    _check_recording(services)
    found = await services.disk.run(services.jobs.all)
    return jobs_json.JobsReply(jobs=[job.to_reply() for job in found])


@router.get(f"{PATH}/{{job_id}}", summary="Show a job", responses=answers(JOB, *_ERRORS))
async def show_job(services: ServicesOf, job_id: JobId) -> jobs_json.Job:
    """How far it is, and where its results are."""
    _check_recording(services)
    return (await services.disk.run(services.jobs.get, str(job_id))).to_reply()


@router.post(
    f"{PATH}/{{job_id}}/cancel", summary="Stop a job", responses=answers(JOB, 409, *_ERRORS)
)
async def cancel_job(services: ServicesOf, job_id: JobId) -> jobs_json.Job:
    """What was read is kept; one that has ended already stays as it is."""
    _check_recording(services)
    return (await services.disk.run(services.jobs.cancel, str(job_id))).to_reply()


@router.post(
    f"{PATH}/{{job_id}}/resume",
    summary="Go on with a job that was stopped",
    responses=answers(JOB, 409, *_ERRORS),
)
async def resume_job(services: ServicesOf, job_id: JobId) -> jobs_json.Job:
    """Also one that failed or whose server ended meanwhile; it goes on where it was."""
    _check_recording(services)
    return (await services.disk.run(services.jobs.resume, str(job_id))).to_reply()


@router.delete(
    f"{PATH}/{{job_id}}",
    summary="Delete a job",
    status_code=204,
    response_class=Response,
    responses=done(409, *_ERRORS, 507),
)
async def delete_job(
    services: ServicesOf,
    job_id: JobId,
    with_session: Annotated[
        bool, Query(description="Delete a video's session as well.", examples=[True])
    ] = False,
) -> None:
    """All its files are deleted; one that runs is stopped first."""
    _check_recording(services)
    await services.disk.run(services.jobs.delete, str(job_id), with_session=with_session)


@router.get(
    f"{PATH}/{{job_id}}/results",
    summary="Results of a job's photos",
    responses=answers(JOB_RESULTS_REPLY, *_ERRORS),
)
async def job_results(
    services: ServicesOf,
    job_id: JobId,
    limit: Annotated[int, Query(ge=1, le=500, description="At most.", examples=[20])] = 100,
    offset: Annotated[
        int, Query(ge=0, le=HIGHEST, description="Leave out so many.", examples=[20])
    ] = 0,
) -> jobs_json.JobResultsReply:
    """A photo that cannot be read is a result with its `error`; a video has none here."""
    _check_recording(services)

    def read() -> jobs_json.JobResultsReply:
        results = services.jobs.results(str(job_id))
        page = list(itertools.islice(results, offset, offset + limit))
        total = offset + len(page) + sum(1 for _ in results)
        if not page:
            total = sum(1 for _ in services.jobs.results(str(job_id)))
        return jobs_json.JobResultsReply(
            results=[Frame.model_validate(result) for result in page],
            total=total,
            limit=limit,
            offset=offset,
        )

    return await services.disk.run(read)


@router.get(
    f"{PATH}/{{job_id}}/export",
    summary="Results of a job's photos as a file to take along",
    response_class=Response,
    responses={
        200: {
            "description": "The file.",
            "content": {
                kind: {"schema": {"type": "string", "format": "binary"}}
                for kind in _EXPORT_TYPES.values()
            },
        },
        **errors_told(*_ERRORS, 507),
    },
)
async def export_job(
    services: ServicesOf,
    job_id: JobId,
    kind: Annotated[
        ExportFormat,
        Query(
            alias="format",
            description="csv or parquet: a row a face; json: all that was read.",
            examples=["csv", "json", "parquet"],
        ),
    ] = "csv",
) -> Response:
    """The columns are those of every table of mien; a video's results are those of its session."""
    _check_recording(services)
    content = await services.disk.run(_exported, services, str(job_id), kind)
    return Response(
        content,
        media_type=_EXPORT_TYPES[kind],
        headers={"Content-Disposition": f'attachment; filename="photos-{job_id}.{kind}"'},
    )


def _check_recording(services: Services) -> None:
    """Refuse where nothing may be kept, which uploads and their results are.

    Raises:
        ApiError: 403.
    """
    if not services.settings.recording:
        raise ApiError(
            403,
            "recording_off",
            "nothing is kept on this server, so nothing is read in the background; POST "
            "/v1/analyze reads photos at once (MIEN_RECORDING=true allows jobs)",
        )


def _check_wanted(services: Services, kind: Kind, consent: str | None) -> None:
    _check_recording(services)
    if kind == "video" and not (consent or "").strip():
        raise ApiError(
            422,
            "consent_required",
            "a video becomes a recorded session, which those in view must agree to: send what "
            "they agreed to as the query `consent`",
        )


def _lasting(choice: Choice, found: str) -> str:
    """Return the detector's name, by which a job that goes on later finds the same faces."""
    return found if choice.detector == "auto" else choice.detector


def _exported(services: Services, job_id: str, kind: ExportFormat) -> bytes:
    """Return the results of a job's photos as a file's content.

    Raises:
        ApiError: 404, if there is none; 422, if it is a video.
        TableWriteError: If it cannot be written.
    """
    job = services.jobs.get(job_id)
    if job.order.kind == "video":
        raise ApiError(
            422,
            "invalid_request",
            f"job {job_id} is a video: export its session, /v1/sessions/{job.session_id}/export",
        )
    results = services.jobs.results(job_id)
    if kind == "json":
        return json.dumps(list(results), indent=1).encode()
    with tempfile.TemporaryDirectory(prefix="mien-export-") as folder:
        path = FilePath(folder) / f"photos.{kind}"
        with RowFile.named(path).open(labels_of(job.order.label_set).labels) as writer:
            for result in results:
                writer.write(frame_from_dict(result))
        return path.read_bytes()
