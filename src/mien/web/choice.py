"""What a client chooses to have its pictures read with."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mien.bundle.prior import DEFAULT_PRIOR, PriorLike, is_shares


@dataclass(frozen=True)
class Choice:
    """What to read a picture with.

    Attributes:
        detector: A name out of the catalogue; `auto` is allowed.
        label_set: The name of one of the bundle's label sets.
        live: Whether the picture is one of a stream, where speed counts more than small faces.
        prior: As `Recognizer` takes it.
        prior_strength: As `Recognizer` takes it.
        uncertain_below: As `Recognizer` takes it.
        bundle: The name of a model out of the catalogue; None is the server's own.
    """

    detector: str
    label_set: str
    live: bool = False
    prior: PriorLike = DEFAULT_PRIOR
    prior_strength: float | None = None
    uncertain_below: float = 0.0
    bundle: str | None = None

    def changed(
        self,
        *,
        bundle: str | None = None,
        detector: str | None = None,
        label_set: str | None = None,
        prior: PriorLike | None = None,
        prior_strength: float | None = None,
        uncertain_below: float | None = None,
    ) -> Choice:
        """Return this choice with all that is not None changed.

        A new prior brings its own strength with it. Shares belong to one label set, so with
        another the prior is the bundle's own again.
        """
        label_set = label_set or self.label_set
        strength = self.prior_strength
        if prior is None and is_shares(self.prior) and label_set != self.label_set:
            prior = DEFAULT_PRIOR
        if prior is not None:
            strength = None
        return replace(
            self,
            bundle=bundle or self.bundle,
            detector=detector or self.detector,
            label_set=label_set,
            prior=self.prior if prior is None else prior,
            prior_strength=strength if prior_strength is None else prior_strength,
            uncertain_below=self.uncertain_below if uncertain_below is None else uncertain_below,
        )
