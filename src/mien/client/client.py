"""`Client`: pictures to a server over REST, results back."""

from __future__ import annotations

import ipaddress
import json
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self, TypeVar
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from mien.client.answers import Health, Models, RemoteExplanation
from mien.client.failures import answer_error, missing_extra, too_late, unlike_mien, unreachable
from mien.client.jobs import Form, JobCalls
from mien.client.live import Live
from mien.client.pictures import Picture, encode_picture
from mien.client.sessions import SessionCalls
from mien.client.socket import LiveAddress
from mien.core.errors import ConfigError, ServerBusyError, ShapeError
from mien.core.imaging import ColourOrder
from mien.core.result_json import frame_from_dict
from mien.core.types import Box, Face, FrameResult

if TYPE_CHECKING:
    import httpx
    from PIL.Image import Image

T = TypeVar("T")
Prior = str | Mapping[str, float]


class Client(AbstractContextManager["Client"], JobCalls, SessionCalls):
    """A server of mien, as a thing that reads pictures.

    One client may be used by several threads; a `Live` of it by one.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8765",
        token: str | None = None,
        *,
        timeout_s: float = 20.0,
        patience_s: float = 30.0,
        certificate: Path | str | None = None,
    ) -> None:
        """Say which server; it is first asked when something is wanted of it.

        Args:
            url: Its address, `http://` or `https://`, or the link that `mien serve` shows, which
                has the token in it.
            token: The token that it was started with, if any. It is sent with every request.
            timeout_s: How long to wait for one answer, in seconds.
            patience_s: How long to go on trying, in seconds, where the server says that it is
                busy and when to come back, or where a live connection was lost; 0 gives up at once.
            certificate: A PEM file of the server's own certificate, or of who signed it, where
                it is none that this machine trusts.

        Raises:
            ConfigError: If address or token are none, or the certificate cannot be read.
            MissingExtraError: If the extra `mien[client]` is not installed.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"expected an address like http://127.0.0.1:8765, got {url!r}")
        self.url = urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
        self._timeout_s, self._patience_s = timeout_s, patience_s
        token = token or dict(parse_qsl(parts.query)).get("token")
        if token and not (token.isascii() and token.isprintable() and " " not in token):
            raise ConfigError("expected a token of letters, digits and -._~, got other characters")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._trust = _trust(certificate) if parts.scheme == "https" else None
        # No proxy stands before this very machine, whatever the environment says.
        self._may_proxy = not _is_this_machine(parts.hostname)
        self._http = self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the connections go; the client cannot be used any more."""
        self._http.close()

    def health(self) -> Health:
        """Return what runs there.

        Raises:
            ServerError: As `analyze`.
        """
        return self._understand(Health.from_dict, self._ask("GET", "/healthz"))

    def models(self) -> Models:
        """Return what the server can read with.

        Raises:
            ServerError: As `analyze`.
        """
        return self._understand(Models.from_dict, self._ask("GET", "/v1/models"))

    def analyze(
        self,
        picture: Picture | Image,
        *,
        bundle: str | None = None,
        detector: str | None = None,
        label_set: str | None = None,
        prior: Prior | None = None,
        prior_strength: float | None = None,
        uncertain_below: float | None = None,
        colour_order: ColourOrder = "bgr",
    ) -> FrameResult:
        """Have a picture read; what is left None is as the server does it by itself.

        Args:
            picture: A path, encoded bytes, a Pillow picture, or an array of uint8, gray (h, w)
                or colour (h, w, 3). Its name stays here.
            bundle: A model of `models()`.
            detector: A detector of `models()`.
            label_set: A label set of `models()`.
            prior: How common each expression is taken to be: `default`, `natural`, `balanced`,
                or a share for each label.
            prior_strength: How far answers go to that, 0..1.
            uncertain_below: Answers with less confidence are flagged, 0..1.
            colour_order: The channel order of an array.

        Returns:
            The result, figures rounded as in JSON: probabilities to four decimals.

        Raises:
            ImageError: If the picture cannot be read, here or there.
            ShapeError: If an array has another shape or dtype.
            BundleError: If the model is unknown there or cannot be loaded.
            DetectorError: If the detector is unknown or cannot run there.
            LabelError: If the label set is unknown there.
            ConfigError: If the prior or another value cannot be used.
            ServerUnreachableError: If nothing answers there, not in time, or not as mien does.
            ServerAccessError: If the token is missing or wrong.
            ServerBusyError: If the server had no time for as long as `patience_s`.
            ServerError: If the server failed otherwise; the text is its own.
        """
        choice = _query(
            bundle=bundle,
            detector=detector,
            label_set=label_set,
            prior=_prior_words(prior),
            prior_strength=prior_strength,
            uncertain_below=uncertain_below,
        )
        data = encode_picture(picture, colour_order=colour_order)
        reply = self._ask("POST", "/v1/analyze", choice, data)
        result = self._understand(lambda told: frame_from_dict(told["results"][0]), reply)
        name = str(picture) if isinstance(picture, (str, Path)) else None
        return replace(result, source=name)

    def explain(
        self,
        picture: Picture | Image,
        face: int | Box | Face = 0,
        *,
        label: str | None = None,
        bundle: str | None = None,
        detector: str | None = None,
        label_set: str | None = None,
        prior: Prior | None = None,
        prior_strength: float | None = None,
        colour_order: ColourOrder = "bgr",
    ) -> RemoteExplanation:
        """Have the server tell which parts of one face spoke for and against an expression.

        Args:
            picture: As for `analyze`.
            face: Which face: its place, largest first, or a face or box of it that it overlaps.
            label: The expression; None takes the face's most probable.
            bundle: As for `analyze`.
            detector: As for `analyze`.
            label_set: As for `analyze`.
            prior: As for `analyze`.
            prior_strength: As for `analyze`.
            colour_order: As for `analyze`.

        Raises:
            FaceError: If there is no such face.
            LabelError: If the label set or the expression is unknown there.
            MienError: As `analyze` otherwise.
        """
        box = face.box if isinstance(face, Face) else face if isinstance(face, Box) else None
        choice = _query(
            format="json",
            face=None if box else face,
            box=box and f"{box.x1},{box.y1},{box.x2},{box.y2}",
            label=label,
            bundle=bundle,
            detector=detector,
            label_set=label_set,
            prior=_prior_words(prior),
            prior_strength=prior_strength,
        )
        data = encode_picture(picture, colour_order=colour_order)
        reply = self._ask("POST", "/v1/explain", choice, data)
        return self._understand(RemoteExplanation.from_dict, reply)

    def live(
        self,
        *,
        bundle: str | None = None,
        detector: str | None = None,
        label_set: str | None = None,
        smoothing_s: float | None = None,
        prior: Prior | None = None,
        prior_strength: float | None = None,
        uncertain_below: float | None = None,
        colour_order: ColourOrder = "bgr",
    ) -> Live:
        """Return a live connection, to be used with `with`; see `Live`.

        Args:
            bundle: As for `analyze`.
            detector: As for `analyze`.
            label_set: As for `analyze`.
            smoothing_s: Time constant of smoothing in seconds, 0 to 10; 0 for none.
            prior: As for `analyze`.
            prior_strength: As for `analyze`.
            uncertain_below: As for `analyze`.
            colour_order: The channel order of frames that are arrays.
        """
        address = LiveAddress(
            url="ws" + self.url.removeprefix("http") + "/v1/live",
            headers=self._headers,
            trust=self._trust,
            may_proxy=self._may_proxy,
            timeout_s=self._timeout_s,
            patience_s=self._patience_s,
        )
        choice = _query(
            bundle=bundle,
            detector=detector,
            label_set=label_set,
            smoothing_s=smoothing_s,
            prior=dict(prior) if isinstance(prior, Mapping) else prior,
            prior_strength=prior_strength,
            uncertain_below=uncertain_below,
        )
        return Live(address, choice, colour_order=colour_order)

    def _open(self) -> httpx.Client:
        try:
            import httpx
        except ModuleNotFoundError as error:
            raise missing_extra(error) from error
        return httpx.Client(
            base_url=self.url,
            headers=self._headers,
            timeout=self._timeout_s,
            verify=self._trust or False,
            trust_env=self._may_proxy,
        )

    def _ask(
        self,
        method: str,
        path: str,
        query: dict[str, Any] | None = None,
        picture: bytes = b"",
        form: Form | None = None,
        body: Any = None,
    ) -> Any:
        """Return the JSON of an answer; a busy server is asked again when it says so."""
        give_up_s = time.monotonic() + self._patience_s
        # A file needs a name, and that of the user's own is nobody's business.
        files: Any = {"image": ("picture", picture)} if picture else form
        while True:
            for _, (_, stream) in form or ():
                stream.seek(0)
            try:
                return self._ask_once(method, path, query or {}, files, body)
            except ServerBusyError as busy:
                wait_s = busy.retry_after_s
                if wait_s is None or time.monotonic() + wait_s > give_up_s:
                    raise
                time.sleep(wait_s)

    def _ask_once(
        self, method: str, path: str, query: dict[str, Any], files: Any, body: Any
    ) -> Any:
        import httpx

        try:
            answer = self._http.request(method, path, params=query, files=files, json=body)
        except httpx.TimeoutException as error:
            raise too_late(self.url, self._timeout_s) from error
        except httpx.TransportError as error:
            raise unreachable(self.url, error) from error
        if answer.status_code == 204:
            return None
        if answer.status_code != 200:
            retry_after = answer.headers.get("Retry-After")
            raise answer_error(self.url, answer.status_code, answer.content, retry_after)
        return self._understand(json.loads, answer.content)

    def _save(self, path: str, query: dict[str, Any], stream: BinaryIO, timeout_s: float) -> None:
        import httpx

        patient = httpx.Timeout(self._timeout_s, read=timeout_s)
        try:
            with self._http.stream("GET", path, params=query, timeout=patient) as answer:
                if answer.status_code != 200:
                    retry_after = answer.headers.get("Retry-After")
                    raise answer_error(self.url, answer.status_code, answer.read(), retry_after)
                for part in answer.iter_bytes():
                    stream.write(part)
        except httpx.TimeoutException as error:
            raise too_late(self.url, timeout_s) from error
        except httpx.TransportError as error:
            raise unreachable(self.url, error) from error

    def _understand(self, read: Callable[[Any], T], told: Any) -> T:
        try:
            return read(told)
        except (KeyError, TypeError, ValueError, IndexError, ShapeError) as error:
            raise unlike_mien(self.url, error) from error


def _query(**given: Any) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def _prior_words(prior: Prior | None) -> str | None:
    if isinstance(prior, Mapping):
        return ",".join(f"{label}={share}" for label, share in prior.items())
    return prior


def _trust(certificate: Path | str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=certificate)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"expected a PEM certificate in {certificate}, got: {error.strerror or error}"
        ) from error


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
