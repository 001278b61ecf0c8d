"""`MODEL_CARD.md`, made from a bundle's config so that it never says anything else.

The sections are those of Mitchell et al., "Model Cards for Model Reporting" (2019).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from mien.bundle.card_failures import describe_failures
from mien.bundle.config import BundleConfig
from mien.bundle.figures import EvaluationSummary, read_figures
from mien.bundle.markdown import markdown_table
from mien.bundle.quantisation import Quantisation, QuantisedHead, describe_warning

_INTENDED = """\
Naming the expression that a face shows in a photo or a camera picture, for people who know
and agree: prototypes, teaching, research on pictures, art, reading one's own photos.

A label says how annotators would name the look of a face. It does not say what a person
feels, thinks or intends."""

_OUT_OF_SCOPE = """\
- Hiring, promotion, or judging people at work; pupils or students at school. The EU AI Act
  (Regulation 2024/1689, article 5) prohibits emotion recognition there.
- Lie detection, policing, border control, credit, insurance.
- Clinical use: diagnosis, therapy, pain, or watching over patients.
- Watching people who were not told or did not agree; identifying anyone.
- Any decision about a person."""

_LIMITS = """\
- Faces are gray and {size} x {size} pixels: fine cues are lost, and smaller faces are read
  less well.
- Labels are opinions of annotators, who agree in part. Rare expressions are read much worse
  than common ones: see the recall of each above.
- Expressions differ between cultures and situations, and one picture shows one moment.
- Faces that are covered, turned far to the side, or in poor light are read less well.
- How accuracy differs between groups of people was not measured; expect that it does."""

_FER2013_DATA = """\
FER2013 (Goodfellow et al., "Challenges in Representation Learning", 2013) is pictures from a
web image search, published for research; the rights in them are with those who made them.
FER+ (Barsoum et al., 2016) is ten votes for each of its pictures, published by Microsoft. No
picture and no vote is in this bundle."""

_FER2013_LIMITS = """
- FER2013's pictures were found by words for emotions: many are posed, and age, gender and skin
  colour were not recorded. People name about 65 % of its faces as its labels do (Goodfellow et
  al., 2013)."""

_FER2013_NAMES = ("fer2013", "icml_face_data")

_IMAGES = {
    "published": "as published",
    "unseen": "without those also in training",
    "unlike": "without those nearly in training either",
}
_FIELDS = ("what", "value")
# Of a member of an ensemble or an average: its name stands above the table, the rest in the config.
_NO_ROWS = ("name", "recipe", "members")
_CROPS = {"single": "one", "flip": "mean with its mirror", "ten": "mean of ten crops"}


def render_card(config: BundleConfig, *, with_picture: bool = False) -> str:
    """Return the card's text, Markdown, of a config; its `files` are not used.

    Args:
        config: Of the bundle.
        with_picture: Whether `failures.png` will stand beside the card.
    """
    evaluations = read_figures(config.figures)
    sections = {
        "Details": _details(config),
        "Intended use": _INTENDED,
        "Out of scope": _OUT_OF_SCOPE,
        "Data": _data(config),
        "Figures": _figures(evaluations),
        "Calibration": _calibration(config, evaluations),
        **({"8 bits": _quantised(config.quantisation)} if config.quantisation else {}),
        "Where it fails": describe_failures(config, evaluations, with_picture),
        "Limits": _limits(config),
        "Faces it expects": _crop_frames(config),
        "How it was made": _training(config, evaluations),
    }
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items())
    return f"# {config.name}\n\n{_summary(config, evaluations)}\n\n{body}\n"


def _summary(config: BundleConfig, evaluations: Sequence[EvaluationSummary]) -> str:
    sets = " and ".join(f"{head.label_set} ({len(head.labels)})" for head in config.heads)
    text = f"Facial expression recognition on one gray face; label sets: {sets}."
    for evaluation in evaluations:
        text += f"\n\n**{evaluation.to_line()}**"
    return text


def _details(config: BundleConfig) -> str:
    rows = [
        *_architecture(config.architecture.name, config.architecture.options),
        ("parameters", f"{config.architecture.parameters:,}"),
        ("precision of the graph", config.described_precision),
        ("input", _input(config)),
        *((f"output `{head.output}`", ", ".join(head.labels)) for head in config.heads),
        ("default label set", config.default_label_set),
        ("made", f"{config.created} by mien {config.version}"),
        ("licence of the weights", config.licence),
    ]
    return markdown_table(_FIELDS, rows)


def _architecture(name: str, options: Mapping[str, Any]) -> list[tuple[str, str]]:
    if "members" not in options:
        return [("architecture", f"`{name}`, {_listing(options)}")]
    members = options["members"]
    return [
        ("architecture", f"`{name}`: the mean of what {len(members)} networks find probable"),
        *(
            (f"network {number}", f"`{each['name']}`, {_listing(each['options'])}")
            for number, each in enumerate(members, start=1)
        ),
    ]


def _input(config: BundleConfig) -> str:
    spec = config.input
    return (
        f"`images` (n, {spec.channels}, {spec.size}, {spec.size}) float32: {spec.colour}, "
        f"(value / 255 - {spec.mean:g}) / {spec.std:g}"
    )


def _data(config: BundleConfig) -> str:
    if not config.data:
        return "Not recorded."
    table = markdown_table(_FIELDS, [(_words(k), _listing(v)) for k, v in config.data.items()])
    note = _FER2013_DATA if _is_of_fer2013(config) else "The licence of the data is not recorded."
    return f"{table}\n\n{note}"


def _limits(config: BundleConfig) -> str:
    return _LIMITS.format(size=config.input.size) + (
        _FER2013_LIMITS if _is_of_fer2013(config) else ""
    )


def _is_of_fer2013(config: BundleConfig) -> bool:
    return config.data.get("name") in _FER2013_NAMES


def _figures(evaluations: Sequence[EvaluationSummary]) -> str:
    if not evaluations:
        return "Not evaluated yet: `mien evaluate` measures it, `mien export --figures` adds it."
    rows = [
        (
            f"{evaluation.dataset}, {evaluation.split}",
            evaluation.rule,
            _IMAGES.get(result.images, result.images),
            _CROPS.get(result.crops, result.crops),
            f"{result.n:,}",
            f"{result.accuracy:.1%} ({result.accuracy_low * 100:.1f} to "
            f"{result.accuracy_high * 100:.1f})",
            f"{result.macro_f1:.3f}",
            f"{result.balanced_accuracy:.1%}",
            f"{result.log_loss:.3f}",
            f"{result.baseline_accuracy:.1%}" if result.baseline_accuracy else "",
        )
        for evaluation in evaluations
        for result in evaluation.results
    ]
    head = ("split", "rule", "images", "crops", "n", "accuracy (95 % interval)", "macro-F1")
    table = markdown_table((*head, "balanced accuracy", "log-loss", "majority baseline"), rows)
    rules = [f"- `{each.rule}`: {each.rule_text}." for each in _one_a_rule(evaluations)]
    return "\n\n".join([table, "\n".join(rules), *(_recall(each) for each in evaluations)])


def _one_a_rule(evaluations: Sequence[EvaluationSummary]) -> list[EvaluationSummary]:
    return list({evaluation.rule: evaluation for evaluation in evaluations}.values())


def _recall(evaluation: EvaluationSummary) -> str:
    rows = [(label, f"{value:.1%}") for label, value in evaluation.headline.recall.items()]
    title = f"Recall by expression, {evaluation.split} by rule `{evaluation.rule}`, as published:"
    return f"{title}\n\n{markdown_table(('expression', 'recall'), rows)}"


def _calibration(config: BundleConfig, evaluations: Sequence[EvaluationSummary]) -> str:
    lines = [
        f"- `{head.label_set}`: logits are divided by a temperature of {head.temperature:.4g}"
        + ("." if head.temperature == 1.0 else ", fitted on the validation split.")
        for head in config.heads
    ]
    lines += [
        f"- Expected calibration error, {evaluation.label_set} {evaluation.split}: "
        f"{evaluation.headline.expected_calibration_error:.3f}"
        for evaluation in evaluations
    ]
    lines += [
        f"- `{head.label_set}`: answers go {head.prior_strength:g} of the way from the training "
        "shares below to equal ones, as chosen on the validation split, so that rare expressions "
        "are found more often; `prior=natural` leaves them as trained."
        for head in config.heads
        if head.prior_strength
    ]
    for head in config.heads:
        shares = zip(head.labels, head.training_priors, strict=True)
        listed = ", ".join(f"{label} {share:.1%}" for label, share in shares)
        lines.append(f"- Training shares of `{head.label_set}`: {listed}.")
    return "\n".join(lines)


def _quantised(made: Quantisation) -> str:
    """Return how an 8-bit graph was made and what it lost."""
    rows = [
        (
            name,
            f"{head.agreement:.2%}",
            f"{head.max_probability_difference:.3f}",
            *_accuracies(head),
        )
        for name, head in made.heads.items()
    ]
    head = ("head", "same answer", "largest difference of a probability", "labelled faces")
    table = markdown_table(
        (*head, "accuracy of the float graph", "of this graph", "points lost"), rows
    )
    warnings = [
        f"**Warning: {describe_warning(name, head)}.**" for name, head in made.lossy_heads.items()
    ]
    return "\n\n".join(
        [
            f"The graph is quantised: {made.method}. Ranges were calibrated on "
            f"{made.training_faces:,} training faces of {made.data}, drawn with seed {made.seed}. "
            "`model.safetensors` has the float weights that it was made of.",
            f"Beside the float graph on {made.validation_faces:,} validation faces, which had no "
            f"part in that, under the natural prior:\n\n{table}",
            *warnings,
            f"One face on one thread took {made.ms_per_face:.2f} ms against "
            f"{made.float_ms_per_face:.2f} ms of the float graph (medians of {made.speed_runs} "
            f"runs each, in turns, {made.processor}); the float graph has "
            f"{made.float_graph_bytes:,} bytes.",
        ]
    )


def _accuracies(head: QuantisedHead) -> tuple[str, str, str, str]:
    if head.accuracy is None or head.float_accuracy is None:
        return ("0", "", "", "")
    loss = 100 * (head.float_accuracy - head.accuracy)
    figures = (f"{head.float_accuracy:.2%}", f"{head.accuracy:.2%}", f"{loss:+.2f}")
    return (f"{head.labelled:,}", *figures)


def _crop_frames(config: BundleConfig) -> str:
    rows = [
        (
            detector,
            f"{frame.scale:.3f}",
            f"{frame.shift_x:+.3f}",
            f"{frame.shift_y:+.3f}",
            "yes" if frame.align else "no",
        )
        for detector, frame in config.crop_frames.items()
    ]
    head = (
        "detector",
        "square side / box side",
        "shift x",
        "shift y",
        "turned upright by the eyes",
    )
    return (
        "The square cut out for the model, relative to the box that a detector draws "
        f"(shifts in box sizes, along the face's own axes):\n\n{markdown_table(head, rows)}"
    )


def _training(config: BundleConfig, evaluations: Sequence[EvaluationSummary]) -> str:
    if not config.training:
        return "Not recorded."
    made = dict(config.training)
    commands = made.pop("commands", [])
    recipe = made.pop("recipe", {})
    members = made.pop("members", [])
    commands = [*commands, *dict.fromkeys(each.command for each in evaluations)]
    parts = []
    if commands:
        parts.append("```\n" + "\n".join(commands) + "\n```")
    if evaluations:
        parts.append("(Exported once before, without figures, to be evaluated.)")
    if members:
        parts.append(_members(members))
    parts.append(markdown_table(_FIELDS, _rows(made)))
    if recipe:
        parts.append(f"Recipe:\n\n```json\n{json.dumps(recipe, indent=2)}\n```")
    return "\n\n".join(parts)


def _members(members: Sequence[Mapping[str, Any]]) -> str:
    """Return a table for each member of an ensemble or an average; their recipes are long."""
    tables = []
    for number, each in enumerate(members, start=1):
        shown = {key: value for key, value in each.items() if key not in _NO_ROWS}
        if each.get("members"):
            shown["average of"] = [inner["name"] for inner in each["members"]]
        title = f"Network {number}, `{each['name']}`:"
        tables.append(f"{title}\n\n{markdown_table(_FIELDS, _rows(shown))}")
    return "\n\n".join([*tables, "Their recipes are in `config.json`."])


def _rows(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(_words(key), _listing(value)) for key, value in values.items() if value is not None]


def _words(key: str) -> str:
    return key.replace("_", " ")


def _listing(value: Any) -> str:
    """Return a JSON value as one line of words."""
    if isinstance(value, Mapping):
        if any(isinstance(inner, Mapping) for inner in value.values()):
            return "; ".join(f"{_words(k)}: {_listing(v)}" for k, v in value.items())
        return ", ".join(f"{_words(k)} {_listing(v)}" for k, v in value.items()) or "none"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_listing(item) for item in value)}]"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return f"{value:,}" if isinstance(value, int) else f"{value:g}"
    return "unknown" if value is None else str(value)
