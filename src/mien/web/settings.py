"""What can be set about the server, in one place: defaults, environment, checks."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from mien.core.errors import ConfigError
from mien.web.logs import LogFormat


class Settings(BaseSettings):
    """Settings of the server; each can be given as an environment variable `MIEN_<NAME>`.

    Limits are per client address where they say so. Lists are JSON in the environment, such
    as `MIEN_ALLOWED_ORIGINS='["https://faces.example"]'`.
    """

    model_config = SettingsConfigDict(env_prefix="MIEN_", frozen=True, hide_input_in_errors=True)

    host: str = Field(default="127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(
        default=8765, ge=0, le=65535, description="Port to listen on; 0 takes a free one."
    )
    bundle: str = Field(
        default="mien-s", min_length=1, description="Name or folder of the model bundle."
    )
    detector: str = Field(default="auto", min_length=1, description="Face detector to begin with.")
    prior: str = Field(
        default="default",
        min_length=1,
        description="How common expressions are taken to be: default, natural, balanced, shares.",
    )
    prior_strength: float | None = Field(
        default=None, ge=0, le=1, description="How far answers go from training shares to those."
    )
    uncertain_below: float = Field(
        default=0.0, ge=0, le=1, description="Answers with less confidence are flagged uncertain."
    )
    threads: int = Field(default=1, ge=1, le=64, description="CPU threads for one picture.")
    workers: int = Field(default=2, ge=1, le=64, description="Pictures read at the same time.")
    max_waiting: int = Field(default=16, ge=1, description="Pictures that may wait for a worker.")
    max_upload_bytes: int = Field(default=32_000_000, ge=1024, description="Largest request body.")
    max_images: int = Field(default=32, ge=1, description="Most pictures in one request.")
    max_frame_bytes: int = Field(default=2_000_000, ge=1024, description="Largest live frame.")
    max_pixels: int = Field(default=50_000_000, ge=64, description="Largest width times height.")
    requests_per_s: float = Field(
        default=20.0, gt=0, description="Lasting rate of uploads per client."
    )
    request_burst: int = Field(default=60, ge=1, description="Uploads at once per client.")
    frames_per_s: float = Field(default=60.0, gt=0, description="Most live frames per connection.")
    max_connections: int = Field(default=24, ge=1, description="Live connections at the same time.")
    allowed_origins: tuple[str, ...] = Field(
        default=(), description="Other web origins, scheme://host[:port], that may use this server."
    )
    recording: bool = Field(
        default=True, description="Whether sessions may be recorded here by those who agree."
    )
    database_url: SecretStr | None = Field(
        default=None, description="Where sessions are kept; by default a SQLite file of the user."
    )
    database_url_file: Path | None = Field(
        default=None, description="A file with that address instead."
    )
    max_video_bytes: int = Field(
        default=2_000_000_000, ge=1024, description="Largest video that may be uploaded."
    )
    max_video_s: float = Field(
        default=12 * 3600.0, gt=0, description="Longest video that is read, in seconds."
    )
    max_job_photos: int = Field(default=500, ge=1, description="Most photos in one job.")
    max_jobs: int = Field(default=20, ge=1, description="Jobs that may wait for being read.")
    job_days: int = Field(
        default=7, ge=1, le=3650, description="Days that a job and its files are kept, at most."
    )
    jobs_folder: Path | None = Field(
        default=None, description="Where uploads lie until they are read; by default mien's own."
    )
    disk_reserve_bytes: int = Field(
        default=1_000_000_000, ge=0, description="Free disk space that uploads must leave."
    )
    deepface_api: bool = Field(
        default=False, description="Answer POST /analyze in the form of deepface's API as well."
    )
    metrics: bool = Field(default=True, description="Answer GET /metrics, for Prometheus.")
    log_format: LogFormat | None = Field(
        default=None, description="Log each request as text or json; by default only trouble."
    )
    smoothing_s: float = Field(
        default=0.35, ge=0, le=10, description="Time constant of live smoothing, in seconds."
    )
    token: SecretStr | None = Field(
        default=None, description="What clients must show; needed where others can reach it."
    )
    token_file: Path | None = Field(default=None, description="A file with the token instead.")
    tls_self_signed: bool = Field(
        default=False, description="Serve HTTPS with a certificate made on this machine."
    )
    tls_cert: Path | None = Field(default=None, description="Certificate chain for HTTPS, PEM.")
    tls_key: Path | None = Field(default=None, description="Its private key, PEM.")
    trusted_proxies: tuple[str, ...] = Field(
        default=(), description="Addresses or networks whose X-Forwarded-For and -Proto count."
    )

    @model_validator(mode="before")
    @classmethod
    def _read_database_url(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Put an address that is in a file where it would stand by itself."""
        file = given.get("database_url_file")
        if not file:
            return given
        if given.get("database_url"):
            raise ValueError("either database_url or database_url_file, not both")
        # Loaded with the store anyway, and not before.
        from mien.store.engine import read_address

        try:
            return {**given, "database_url": read_address(Path(file))}
        except ConfigError as error:
            raise ValueError(str(error)) from error

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            network = ipaddress.ip_network(proxy, strict=False)
            if network.prefixlen == 0:
                raise ValueError(f"{proxy} is every address there is, and so no proxy to trust")
        return proxies

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key are given together or not at all")
        if self.tls_self_signed and self.tls_cert is not None:
            raise ValueError("either tls_self_signed or tls_cert with tls_key, not both")
        if self.token is not None and self.token_file is not None:
            raise ValueError("either token or token_file, not both")
        return self


def load_settings(**given: Any) -> Settings:
    """Return the settings from the environment, with what is given (and not None) on top.

    Raises:
        ConfigError: If values cannot be used; all of them are listed.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        # What was given is shown, but never a token: it would stand in logs.
        wrong = [
            f"{'.'.join(map(str, one['loc']))} ({one['input']!r}): {one['msg']}"
            if one["loc"] and one["loc"] != ("token",)
            else one["msg"].removeprefix("Value error, ")
            for one in error.errors()
        ]
        raise ConfigError("unusable settings: " + "; ".join(wrong)) from None
