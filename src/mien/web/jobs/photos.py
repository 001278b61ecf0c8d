"""Reading photos into the job's own file of results."""

from __future__ import annotations

import json
import time
from dataclasses import replace

from mien.core.errors import ImageError
from mien.core.types import FrameResult
from mien.web.engine import Choice
from mien.web.jobs.job import Progress
from mien.web.jobs.work import Pace, Work, choice_of


def read_photos(work: Work) -> None:
    """Read photos into the job's file of results, from the first that is not there yet.

    Raises:
        MienError: If nothing can read; a photo that cannot be read is a result that says so.
        OSError: If results cannot be written.
    """
    uploads = work.job.uploads
    choice = choice_of(work.job.order, work.engine)
    detector = work.engine.prepare(choice)
    known = [len(result["faces"]) for result in work.folder.results()]
    frames, faces = len(known), sum(known)
    pace = Pace(frames)
    with work.folder.append_results() as stream:
        while True:
            left_s = pace.left_s(frames, len(uploads))
            work.tell(progress=_photos_done(frames, len(uploads), left_s, faces))
            if frames == len(uploads) or work.halt.wish is not None:
                return
            began_s = time.monotonic()
            result = _read_photo(work, choice, frames, detector)
            stream.write(json.dumps(result.to_dict()).encode() + b"\n")
            stream.flush()
            frames, faces = frames + 1, faces + len(result)
            work.give_way(began_s)


def _photos_done(frames: int, total: int, left_s: float | None, faces: int) -> Progress:
    return Progress(
        done=float(frames), total=float(total), left_s=left_s, frames=frames, faces=faces
    )


def _read_photo(work: Work, choice: Choice, number: int, detector: str) -> FrameResult:
    name = work.job.uploads[number].name
    try:
        picture = work.folder.upload(number).read_bytes()
        result = work.engine.analyze(picture, choice, index=number)
        return replace(result, source=name)
    except ImageError as error:
        return FrameResult(number, 0.0, (0, 0), (), detector, {}, source=name, error=str(error))
