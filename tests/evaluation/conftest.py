"""One evaluation and what made it, for all that shows it."""

from __future__ import annotations

import pytest

from evaluations import SidePredictor, sample_dataset
from mien.evaluation.report import Provenance
from mien.evaluation.run import Evaluation, evaluate


@pytest.fixture(scope="session")
def evaluation() -> Evaluation:
    return evaluate(SidePredictor(), sample_dataset())


@pytest.fixture
def provenance() -> Provenance:
    return Provenance(
        command="mien evaluate sides --data 'my faces' --out report",
        created="2026-01-02T03:04:05+00:00",
        model={
            "name": "sides",
            "kind": "bundle",
            "sha256": "ab" * 32,
            "temperature": {"fer2013": 1.25, "ferplus": 0.8},
            "parameters": 1_650_000,
        },
        data="my faces",
        seconds=2.0,
        faces_per_s=20.0,
        versions={"mien": "0.1.0", "python": "3.11.9"},
    )
