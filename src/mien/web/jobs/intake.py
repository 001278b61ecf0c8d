"""Taking in a job: what is sent goes to its folder, and once it proves readable it is a job."""

from __future__ import annotations

import uuid
from contextlib import suppress

from fastapi import Request

from mien.store.records import now_utc
from mien.web.jobs.folder import JobFolder
from mien.web.jobs.job import Job, JobOrder, Upload
from mien.web.jobs.names import title_of
from mien.web.jobs.uploads import UploadLimits, check_room, receive_files
from mien.web.jobs.videos import open_video
from mien.web.services import Services


async def take_in(request: Request, services: Services, order: JobOrder) -> Job:
    """Write what is sent to disk and make it a job; what is not whole leaves nothing behind.

    Args:
        request: With a form whose files are in the field `file`.
        services: Of the server.
        order: What is to be done with it; without a title it gets that of the files.

    Raises:
        ApiError: If it is not taken, in whole or at all.
        MienError: If it is no video that can be read.
        ClientDisconnect: If the client left meanwhile.
    """
    settings = services.settings
    folder = services.jobs.folder(str(uuid.uuid4()))
    is_video = order.kind == "video"
    limits = UploadLimits(
        kind=order.kind,
        files=1 if is_video else settings.max_job_photos,
        file_bytes=settings.max_video_bytes if is_video else settings.max_upload_bytes,
        all_bytes=settings.max_video_bytes,
        reserve_bytes=settings.disk_reserve_bytes,
    )
    announced = request.headers.get("content-length", "")
    wanted_bytes = int(announced[:15]) if announced.isdecimal() else 0
    kept = False
    try:
        await services.disk.run(check_room, folder, wanted_bytes, limits.reserve_bytes)
        await services.disk.run(folder.make)
        uploads = await receive_files(request, folder, limits, services.disk)
        job = await services.disk.run(_made, services, folder, order, uploads)
        kept = True
        return job
    finally:
        if not kept:
            # Not through `disk`: a request that is called off cannot wait for anything any more.
            with suppress(OSError):
                folder.remove()


def _made(
    services: Services, folder: JobFolder, order: JobOrder, uploads: tuple[Upload, ...]
) -> Job:
    """Return the job of what came, once it proves to be readable."""
    notes: tuple[str, ...] = ()
    if order.kind == "video":
        source = open_video(folder, uploads[0], services.settings, order.every_s, None)
        source.close()
        notes = (f"one frame is read in every {order.every_s:g} s",)
    several = f" and {len(uploads) - 1} more" if len(uploads) > 1 else ""
    title = order.title or f"{title_of(uploads[0].name)}{several}"
    return services.jobs.add(
        Job(
            id=folder.job_id,
            order=order.model_copy(update={"title": title}),
            created_at=now_utc(),
            uploads=uploads,
            notes=notes,
        )
    )
