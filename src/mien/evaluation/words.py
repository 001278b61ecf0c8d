"""How figures are written, the same in the terminal, in pictures and on the page."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mien.evaluation.figures import Share
from mien.evaluation.run import Evaluation, Images, RuleEvaluation
from mien.evaluation.trade_off import TradeOff
from mien.evaluation.views import Crops

UNDEFINED = "–"

CROPS: Mapping[Crops, str] = MappingProxyType(
    {"single": "one look", "flip": "with mirror", "ten": "ten crops"}
)
IMAGES: Mapping[Images, str] = MappingProxyType(
    {
        "published": "as published",
        "unseen": "unseen in training",
        "unlike": "unlike any in training",
    }
)


def count(n: int) -> str:
    """Return a whole number with its thousands set apart: 3,589."""
    return f"{n:,}"


def percent(share: float | None, *, digits: int = 1) -> str:
    """Return a share of 0..1 in percent, or a dash where it is undefined."""
    return UNDEFINED if share is None else f"{share:.{digits}%}"


def megabytes(size: int) -> str:
    """Return a size in bytes as 3.4 MB, of a million bytes each."""
    return f"{size / 1e6:.1f} MB"


def precision(computed: str, stored: str | None) -> str:
    """Return what a graph computes in, and how its weights are kept where that is otherwise."""
    kept = "" if computed == "int8" or stored in (None, computed) else f", {stored} on disk"
    return computed + kept


def interval(share: Share) -> str:
    """Return a 95 % interval in percent: 69.4–72.4%."""
    return f"{share.low * 100:.1f}–{share.high:.1%}"


def number(value: float | None) -> str:
    """Return a figure with three decimals, or a dash where it is undefined."""
    return UNDEFINED if value is None else f"{value:.3f}"


def what_was_evaluated(evaluation: Evaluation, rule: RuleEvaluation) -> str:
    """Return the line that no figure goes without: model, data, split, rule, n."""
    words = (
        f"{evaluation.model} on {evaluation.dataset}, {evaluation.split} split, "
        f"rule {rule.rule}, n = {count(rule.n)}"
    )
    return words + which_prior(rule)


def which_prior(rule: RuleEvaluation) -> str:
    """Return `, prior balanced 0.25`, or nothing where answers are natural."""
    return f", prior {rule.prior}" if rule.prior is not None and rule.prior.strength else ""


def strength_in_a_sentence(trade_off: TradeOff) -> str:
    """Return which strength the rule of choice takes, and what it gives."""
    natural, chosen = trade_off.points[0], trade_off.chosen
    rule = f"Best balance for at most {100 * trade_off.max_loss:g} points of accuracy"
    if chosen.strength == 0:
        return f"{rule}: strength 0, as it is."
    return (
        f"{rule}: strength {chosen.strength:g}, balanced accuracy "
        f"{percent(natural.balanced_accuracy)} to {percent(chosen.balanced_accuracy)}, accuracy "
        f"{percent(natural.accuracy)} to {percent(chosen.accuracy)}, macro-F1 "
        f"{number(natural.macro_f1)} to {number(chosen.macro_f1)}."
    )


def in_a_sentence(rule: RuleEvaluation) -> str:
    """Return the headline of a rule in plain words."""
    figures = rule.headline
    text = (
        f"Right for {percent(figures.accuracy.value)} of {count(figures.n)} faces "
        f"(95% interval {interval(figures.accuracy)})"
    )
    if figures.baseline is None:
        return f"{text}. No training labels are known here, so there is no naive answer beside it."
    naive = figures.baseline
    return f"{text}. Always answering {naive.label} is right for {percent(naive.accuracy.value)}."


def what_was_left_out(rule: RuleEvaluation) -> str:
    """Say which faces of the split the figures are not about."""
    parts = []
    if rule.n_dropped:
        parts.append(f"{count(rule.n_dropped)} faces of the split are dropped by the rule.")
    if rule.n_also_in_training is None or rule.n_alike_in_training is None:
        parts.append("There is no other training split to look for the same images in.")
    elif rule.figures("single", "unseen") is None:
        parts.append("Every one of these images is also among the training images.")
    else:
        parts.append(
            f"{count(rule.n_also_in_training)} of the {count(rule.n)} images are also among the "
            "training images, to the last pixel; figures on unseen images leave them out. With "
            "those that show the same picture, a little changed, it is "
            f"{count(rule.n_alike_in_training)}; figures on images unlike any in training "
            "leave all of them out."
        )
    return " ".join(parts)
