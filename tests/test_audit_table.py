"""The table of disputed labels in the docs says what audit.json says."""

from __future__ import annotations

from types import ModuleType
from typing import Any

AUDIT: dict[str, Any] = {
    "classes": {
        "anger": {"faces": 200, "disputed": 20, "keep": 195, "relabel": 4, "drop": 1},
        "disgust": {"faces": 10, "disputed": 5, "keep": 6, "relabel": 2, "drop": 2},
        "fear": {"faces": 0, "disputed": 0, "keep": 0, "relabel": 0, "drop": 0},
    },
    "suggestions": {"keep": 201, "relabel": 6, "drop": 3},
    "pairs": [
        {"given": "anger", "likely": "fear", "faces": 5},
        {"given": "disgust", "likely": "anger", "faces": 5},
        {"given": "anger", "likely": "disgust", "faces": 15},
    ],
    "voters": {
        "disputed": {"n": 25, "given": 0.25, "likely": 0.5},
        "undisputed": {"n": 185, "given": 0.75, "likely": 0.7},
    },
    "answers": {"recipe": "mine", "epochs": 3, "seed": 7, "folds": 2},
}


def test_the_most_disputed_label_comes_first_and_all_at_the_end(fill: ModuleType) -> None:
    rows = list(fill.audit_rows(AUDIT))
    assert rows == [
        ["disgust", "10", "5 (50.0 %)", "1", "2", "2", "anger (5)"],
        ["anger", "200", "20 (10.0 %)", "15", "4", "1", "disgust (15)"],
        ["fear", "0", "0 (0.0 %)", "0", "0", "0", ""],
        ["all", "210", "25 (11.9 %)", "16", "6", "3", ""],
    ]
    assert all(len(row) == len(fill.AUDIT_HEAD) for row in rows)


def test_the_words_say_what_judged_and_whom_voters_side_with(fill: ModuleType) -> None:
    words = fill.audit_words(AUDIT)
    assert words.startswith("Judged by `mine`, 3 epochs, seed 7, on 2 folds.")
    assert "given label for 25.0 % of the disputed faces and the likely one for 50.0 %" in words
    assert "given label for 75.0 % of the others" in words


def test_without_votes_nothing_is_said_of_them(fill: ModuleType) -> None:
    assert fill.audit_words({**AUDIT, "voters": {}}).endswith("on 2 folds.")


def test_an_audit_that_was_not_made_is_said_to_be_missing(fill: ModuleType) -> None:
    assert fill.audit_block() == "Not measured yet."
