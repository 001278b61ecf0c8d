from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mien.bundle.load import load_bundle
from mien.core.errors import ConfigError
from mien.models import build_model, count_parameters
from mien.training.recipe import load_recipe, parse_recipe
from mien.training.run import build_recipe_model

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_every_recipe_that_ships_can_be_read_and_built(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.name == path.stem
    # One on a pretrained trunk needs weights from elsewhere: tests of these build their own.
    if recipe.model.name != "pretrained":
        build_recipe_model(recipe)


@pytest.mark.parametrize(("name", "most"), [("mien-s", 2_000_000), ("mien-m", 8_000_000)])
def test_the_models_in_the_package_stay_below_their_limits(name: str, most: int) -> None:
    config = load_bundle(name).config
    heads = {head.label_set: len(head.labels) for head in config.heads}
    network = build_model(config.architecture.name, heads, config.architecture.options)
    assert count_parameters(network).total == config.architecture.parameters <= most


def test_all_faults_of_a_recipe_are_listed_at_once(recipe_values: dict[str, Any]) -> None:
    recipe_values["loop"]["epoch"] = 3
    recipe_values["optimiser"]["name"] = "lion"
    recipe_values["augment"]["flip"] = "often"
    recipe_values["heads"]["fer2013"] = {}
    with pytest.raises(ConfigError) as caught:
        parse_recipe(recipe_values)
    text = str(caught.value)
    assert "loop.epoch: unknown key" in text
    assert "optimiser.name: expected one of sgd, adam, adamw, got 'lion'" in text
    assert "augment.flip: expected float, got 'often'" in text
    assert "heads.fer2013.target: missing" in text


@pytest.mark.parametrize(
    ("table", "key", "value", "fault"),
    [
        ("loop", "epochs", 0, "loop.epochs"),
        ("loop", "ema_decay", 1.0, "loop.ema_decay"),
        ("optimiser", "sam_rho", -0.1, "optimiser.sam_rho"),
        ("heads", "fer2013", {"target": "labels", "logit_adjustment": 3.0}, "logit_adjustment"),
        ("heads", "fer2013", {"target": "labels", "focal_gamma": -1.0}, "focal_gamma"),
        ("optimiser", "sam_share", 0.0, "optimiser.sam_share"),
        ("loop", "sizes", [[0.5, 24]], "shares must begin at 0"),
        ("loop", "sizes", [[0.0, 24], [0.5, 32]], "last size must be input.size"),
        ("loop", "batch_size", True, "expected int"),
        ("augment", "erasing_area", [0.1], "expected 2 values"),
        ("augment", "erasing_area", [0.3, 0.1], "the smaller first"),
        ("augment", "mixup", -1.0, "augment.mixup: must not be negative"),
        ("augment", "rotation_degrees", -5.0, "rotation_degrees: must not be negative"),
        ("augment", "flip", 1.5, "augment.flip: must be in 0..1"),
        ("augment", "zoom", 1.0, "augment.zoom: must be at least 0 and below 1"),
        ("optimiser", "momentum", 1.0, "optimiser.momentum"),
        ("optimiser", "weight_decay", -0.1, "optimiser.weight_decay"),
        ("loop", "early_stop_patience", -1, "loop.early_stop_patience"),
        ("input", "size", 8, "at least 16"),
        ("optimiser", "learning_rate", 0.0, "learning_rate"),
        ("heads", "fer2013", {"target": "soft"}, "only ferplus"),
        ("heads", "affectnet", {"target": "labels"}, "names are fer2013 and ferplus"),
        ("heads", "ferplus", {"target": "sampled", "label_smoothing": 0.1}, "sampled label"),
    ],
)
def test_an_unusable_value_is_named(
    recipe_values: dict[str, Any], table: str, key: str, value: object, fault: str
) -> None:
    recipe_values[table][key] = value
    with pytest.raises(ConfigError, match=fault):
        parse_recipe(recipe_values)


def test_a_recipe_survives_its_own_record(recipe_values: dict[str, Any]) -> None:
    recipe = parse_recipe(recipe_values)
    assert parse_recipe(recipe.to_dict()) == recipe


def test_a_missing_recipe_names_those_that_exist() -> None:
    with pytest.raises(ConfigError, match="mien-s"):
        load_recipe(RECIPES[0].with_name("nothing.toml"))


def test_a_name_is_found_wherever_mien_is_run_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_recipe("cnn4").name == "cnn4"
    with pytest.raises(ConfigError, match=r"no recipe 'cnn5'; there are: .*cnn4, cnn6, .*mien-m"):
        load_recipe("cnn5")


def test_a_recipe_of_ones_own_comes_before_that_of_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipes").mkdir()
    text = RECIPES[0].read_text().replace("seed = 1", "seed = 77")
    (tmp_path / "recipes" / RECIPES[0].name).write_text(text)
    assert load_recipe(RECIPES[0].stem).seed == 77


def test_broken_toml_is_a_config_error(tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text("name = [")
    with pytest.raises(ConfigError, match="cannot read recipe"):
        load_recipe(path)
