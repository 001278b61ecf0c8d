"""Reading one job to its end, whatever that is."""

from __future__ import annotations

import logging

from mien.core.errors import MienError
from mien.web.errors import ApiError, internal_error
from mien.web.jobs.job import State
from mien.web.jobs.photos import read_photos
from mien.web.jobs.uploads import unwritable
from mien.web.jobs.videos import read_video
from mien.web.jobs.work import Work
from mien.web.schemas.base import ErrorBody

log = logging.getLogger("mien.web")


def run(work: Work) -> tuple[State, ErrorBody | None]:
    """Read a job, and return what it is then and, if it failed, why."""
    failure = _failure_of(work)
    if work.halt.wish is not None:
        if failure is not None:
            log.warning("job %s, while it was stopped: %s", work.job.id, failure)
        return work.halt.wish, None
    return ("done", None) if failure is None else ("failed", failure.body)


def _failure_of(work: Work) -> ApiError | None:
    try:
        (read_video if work.job.order.kind == "video" else read_photos)(work)
    except MienError as error:
        return ApiError.from_mien(error)
    except ApiError as error:
        return error
    except OSError as error:
        return unwritable(error)
    except Exception:  # the edge of a thread: a bug must reach who waits for the job
        log.exception("a bug, while reading job %s", work.job.id)
        return internal_error()
    return None
