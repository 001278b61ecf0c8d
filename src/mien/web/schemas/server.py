"""What is set about this server, as far as its clients may know it."""

from __future__ import annotations

from mien.web.schemas.base import JsonModel


class Limits(JsonModel):
    """What the server takes; a page says so before an upload."""

    max_upload_bytes: int
    max_video_bytes: int
    max_video_s: float
    max_job_photos: int
    job_days: int
    max_images: int
    max_pixels: int
    max_frame_bytes: int
    frames_per_s: float
    max_connections: int
    requests_per_s: float
    request_burst: int


class SettingsReply(JsonModel):
    """Settings that matter to clients; `recording` says whether sessions can be kept here.

    `local` says that only this machine can reach the server, `token` that it asks for one,
    `https` that it speaks HTTPS itself. Never a path, token or password.
    """

    version: str
    recording: bool
    store: str | None
    local: bool
    token: bool
    https: bool
    metrics: bool
    deepface_api: bool
    bundle: str
    detector: str
    prior: str
    prior_strength: float | None
    uncertain_below: float
    smoothing_s: float
    workers: int
    threads: int
    limits: Limits
    picture_types: list[str]
    video_types: list[str]
