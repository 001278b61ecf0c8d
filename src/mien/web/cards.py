"""One model told: what it is, how well it reads, and its card as HTML that a page can show.

Names are looked up only among the bundles that this machine's owner installed or serves; nothing
that a client sends ever becomes a path.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from mien.bundle.config import CARD_FILE, CONFIG_FILE, GRAPH_FILE, PICTURE_FILE, BundleConfig, Head
from mien.bundle.figures import EvaluationSummary, read_figures
from mien.bundle.find import find_bundle, list_bundles
from mien.bundle.robustness import RobustnessSummary
from mien.core.errors import BundleError
from mien.core.labels import label_set
from mien.core.paths import without_home
from mien.web.engine import describe_label_set
from mien.web.errors import ApiError
from mien.web.schemas import catalogue as catalogue_json

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token


@dataclass(frozen=True)
class ServedModel:
    """A bundle that clients may know of.

    Attributes:
        name: What it is called in `GET /v1/models`.
        path: Its folder.
        config: Its config.
    """

    name: str
    path: Path
    config: BundleConfig

    def read(self, file: str) -> bytes:
        """Return the content of one of its files, which is the one that was exported.

        Raises:
            ApiError: 404, if it has no such file; 500, if that is not what the config says.
        """
        entry = self.config.files.get(file)
        if entry is None:
            raise ApiError(404, "not_found", f"model {self.name} has no {file}")
        try:
            content = (self.path / file).read_bytes()
        except OSError as error:
            raise _damaged(self.name) from error
        if hashlib.sha256(content).hexdigest() != entry.sha256:
            raise _damaged(self.name)
        return content


def find_model(name: str, served: str) -> ServedModel:
    """Return a model by the name that `GET /v1/models` lists: its own, or an installed one.

    Args:
        name: What a client asked for.
        served: The bundle of the settings, which may be a folder.

    Raises:
        ApiError: 404, if there is none of that name; 500, if the server's own is gone.
    """
    try:
        folder = find_bundle(served)
        own = BundleConfig.read(folder / CONFIG_FILE)
    except BundleError as error:  # it was loaded once, and its words have paths
        raise _damaged("of this server") from error
    known = {own.name: ServedModel(own.name, folder, own)}
    for found in list_bundles():
        if found.path == folder or found.name in known:
            continue
        try:
            config = BundleConfig.read(found.path / CONFIG_FILE)
        except BundleError:
            continue  # `mien models` says what is wrong with it; `GET /v1/models` has it not
        known[found.name] = ServedModel(found.name, found.path, config)
    if name not in known:
        words = f"there is no such model; there are: {', '.join(known)}"
        raise ApiError(404, "not_found", words)
    return known[name]


def picture_address(name: str) -> str:
    """Return where the picture of a model's failures is served."""
    return f"/v1/models/{name}/{PICTURE_FILE}"


def describe_model(model: ServedModel, *, active: bool) -> catalogue_json.ModelReply:
    """Return all that is known of a model.

    Raises:
        ApiError: 500, if its card is not the one that was exported.
    """
    config = model.config
    card = without_home(model.read(CARD_FILE).decode("utf-8", errors="replace"))
    failures = picture_address(model.name) if PICTURE_FILE in config.files else None
    return catalogue_json.ModelReply(
        name=model.name,
        active=active,
        version=config.version,
        created=config.created,
        architecture=config.architecture.name,
        parameters=config.architecture.parameters,
        precision=config.described_precision,
        graph_bytes=config.files[GRAPH_FILE].bytes,
        licence=config.licence,
        input=catalogue_json.ModelInput(
            size_px=config.input.size, channels=config.input.channels, colour=config.input.colour
        ),
        default_label_set=config.default_label_set,
        heads=[_describe_head(head) for head in config.heads],
        data=dict(config.data),
        evaluations=[_describe_evaluation(one) for one in read_figures(config.figures)],
        robustness=[_describe_robustness(one) for one in config.robustness],
        card_markdown=card,
        card_html=render_card(card, picture=failures),
        failures=failures,
    )


def render_card(markdown: str, *, picture: str | None = None) -> str:
    """Return a card as HTML that is safe to put into a page.

    HTML within the Markdown is shown as text, headings are one level lower (the page has its own
    first), pictures of other places become their words, and nothing carries a style.

    Args:
        markdown: The card.
        picture: The address of the picture that the card calls `failures.png`, if there is one.
    """
    parser = _parser()
    tokens = parser.parse(markdown)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1:]) + 1)}"
        # The policy of the page allows no style within HTML.
        token.attrs.pop("style", None)
        for child in token.children or ():
            _tame(child, picture)
    return str(parser.renderer.render(tokens, parser.options, {}))


@cache
def _parser() -> MarkdownIt:
    # A tenth of a second to load, which a server that is asked for no card can save.
    from markdown_it import MarkdownIt

    return MarkdownIt("js-default", {"html": False, "linkify": False, "typographer": False})


def _tame(token: Token, picture: str | None) -> None:
    """Make a link or picture within a line lead nowhere that it should not."""
    if token.type == "image":
        if picture is not None and token.attrs.get("src") == PICTURE_FILE:
            token.attrs.update(src=picture, loading="lazy")
        else:
            token.type, token.tag, token.attrs, token.children = "text", "", {}, None
    elif token.type == "link_open":
        address = str(token.attrs.get("href", ""))
        if address.startswith(("https://", "http://")):
            token.attrs["rel"] = "noopener noreferrer"
        else:
            del token.attrs["href"]


def _describe_head(head: Head) -> catalogue_json.ModelHead:
    return catalogue_json.ModelHead(
        label_set=head.label_set,
        labels=describe_label_set(label_set(head.label_set)).labels,
        training_shares=dict(zip(head.labels, head.training_priors, strict=True)),
        temperature=head.temperature,
        prior_strength=head.prior_strength,
    )


def _describe_evaluation(measured: EvaluationSummary) -> catalogue_json.ModelEvaluation:
    results: Sequence[catalogue_json.ModelResult] = [
        catalogue_json.ModelResult.model_validate(
            {**asdict(result), "baseline_accuracy": result.baseline_accuracy or None}
        )
        for result in measured.results
    ]
    return catalogue_json.ModelEvaluation(
        dataset=measured.dataset,
        split=measured.split,
        label_set=measured.label_set,
        rule=measured.rule,
        rule_text=measured.rule_text,
        command=without_home(measured.command),
        results=list(results),
    )


def _describe_robustness(measured: RobustnessSummary) -> catalogue_json.ModelRobustness:
    return catalogue_json.ModelRobustness(
        dataset=measured.dataset,
        split=measured.split,
        label_set=measured.label_set,
        rule=measured.rule,
        n=measured.n,
        accuracy=measured.accuracy,
        command=without_home(measured.command),
        conditions=[
            catalogue_json.ModelCondition.model_validate(asdict(one))
            for one in measured.worst_first
        ],
    )


def _damaged(name: str) -> ApiError:
    return ApiError(500, "bundle_unusable", f"model {name} is damaged; `mien models` says how")
