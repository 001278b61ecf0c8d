"""`--set KEY=VALUE`: what is typed, where it lands in a recipe, and mistakes in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mien.core.errors import ConfigError
from mien.training.recipe import load_recipe
from mien.training.settings import apply_settings, parse_settings


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("20", 20),
        ("1e-3", 1e-3),
        ("true", True),
        ("soft", "soft"),
        ('"12"', "12"),
        ("google/mobilenet_v2_1.0_224", "google/mobilenet_v2_1.0_224"),
        ("a=b", "a=b"),
        ("", ""),
        ("[[0.0, 32], [0.5, 48]]", [[0.0, 32], [0.5, 48]]),
        ('{ target = "labels" }', {"target": "labels"}),
        # Neither a date nor a second key: the text as it is.
        ("2026-01-01", "2026-01-01"),
        ("1\nother = 2", "1\nother = 2"),
    ],
)
def test_a_value_is_what_toml_makes_of_it_or_else_its_text(typed: str, value: object) -> None:
    assert parse_settings([f"some.key={typed}"]) == {"some.key": value}


def test_the_last_of_several_settings_counts() -> None:
    assert parse_settings(["seed=1", "loop.epochs = 2", "seed=3"]) == {"seed": 3, "loop.epochs": 2}


def test_all_malformed_settings_are_named_at_once() -> None:
    with pytest.raises(ConfigError, match=r"KEY=VALUE.* got: loop\.epochs; =3; a\.\.b=1"):
        parse_settings(["loop.epochs", "=3", "seed=1", "a..b=1"])


def test_settings_replace_add_and_leave_the_rest_alone() -> None:
    values: dict[str, Any] = {"seed": 1, "loop": {"epochs": 9, "batch_size": 64}}
    changed = apply_settings(values, {"loop.epochs": 2, "augment.flip": 0.5, "a.b.c": 1})
    assert changed == {
        "seed": 1,
        "loop": {"epochs": 2, "batch_size": 64},
        "augment": {"flip": 0.5},
        "a": {"b": {"c": 1}},
    }
    assert values == {"seed": 1, "loop": {"epochs": 9, "batch_size": 64}}


def test_a_setting_below_something_that_is_no_table_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"--set seed\.x: seed is 1, which has no keys"):
        apply_settings({"seed": 1}, {"seed.x": 2, "loop.epochs": 3})


@pytest.mark.parametrize("target", ["soft", "majority"])
def test_cnn6_learns_other_targets_by_one_setting(target: str) -> None:
    changed = load_recipe("cnn6", parse_settings([f"heads.ferplus.target={target}"]))
    plain = load_recipe("cnn6").to_dict()
    plain["heads"]["ferplus"]["target"] = target
    assert changed.to_dict() == plain


def test_what_a_recipe_does_not_know_or_cannot_use_is_said_of_settings_too(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\n[model]\nname = "cnn6"\n[heads.ferplus]\ntarget = "soft"\n')
    settings = parse_settings(["loop.epoch=3", "augment.flip=often", "head.ferplus.target=soft"])
    with pytest.raises(ConfigError) as caught:
        load_recipe(path, settings)
    text = str(caught.value)
    assert "mine.toml with --set" in text
    assert "loop.epoch: unknown key; known: epochs" in text
    assert "augment.flip: expected float, got 'often'" in text
    assert "head: unknown key" in text
