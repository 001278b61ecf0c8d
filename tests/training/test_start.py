"""Beginning with weights that are there already."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file
from torch import Tensor

from mien.bundle.find import find_bundle
from mien.bundle.load import load_bundle
from mien.core.errors import ConfigError
from mien.data import FaceDataset
from mien.models import build_model
from mien.models.attention import fold_attention
from mien.models.channels import fit_channels
from mien.models.depth import fit_blocks
from mien.models.mirror import symmetrise
from mien.models.residual import ResidualNet
from mien.training.export import export_run
from mien.training.recipe import parse_recipe
from mien.training.run import load_run_model, read_run
from mien.training.start import start_from
from mien.training.train import train

QUIET = Console(file=StringIO())
# What a network that treats mirror images alike would find its pairs of channels by.
IMAGES = torch.zeros(2, 1, 24, 24)


@pytest.fixture
def first(faces: FaceDataset, recipe_values: dict[str, Any], tmp_path: Path) -> Path:
    recipe_values["loop"]["epochs"] = 1
    train(parse_recipe(recipe_values), faces, tmp_path / "first", console=QUIET)
    return tmp_path / "first"


def test_a_network_starts_with_the_best_weights_of_a_run(
    first: Path, recipe_values: dict[str, Any]
) -> None:
    options = recipe_values["model"]["options"]
    model = build_model("residual", {"fer2013": 7, "ferplus": 8}, options)
    told = start_from(model, str(first), IMAGES)
    wanted = load_run_model(first)[0].state_dict()
    wanted = {key: value for key, value in wanted.items() if "num_batches" not in key}
    own = model.state_dict()
    assert all(torch.equal(own[key], value) for key, value in wanted.items())
    assert told["from"] == str(first)
    assert told["fresh"] == []
    assert told["tensors_taken"] == len(wanted)
    assert len(told["sha256"]) == 64


def test_a_head_that_the_source_has_not_stays_fresh(
    first: Path, recipe_values: dict[str, Any]
) -> None:
    options = recipe_values["model"]["options"]
    model = build_model("residual", {"other": 3}, options)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    told = start_from(model, str(first), IMAGES)
    after = model.state_dict()
    assert told["fresh"]
    assert all("other" in key for key in told["fresh"])
    assert all(torch.equal(before[key], after[key]) for key in told["fresh"])
    wanted = load_run_model(first)[0].state_dict()
    assert torch.equal(after["stem.0.weight"], wanted["stem.0.weight"])


def test_a_bundle_starts_a_network_as_the_run_it_was_made_of_does(
    first: Path, recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    bundle = export_run(first, tmp_path / "bundle", storage="fp32")
    options = recipe_values["model"]["options"]
    model = build_model("residual", {"fer2013": 7, "ferplus": 8}, options)
    from_bundle = start_from(model, str(bundle), IMAGES)
    from_run = start_from(model, str(first), IMAGES)
    assert {**from_bundle, "from": ""} == {**from_run, "from": ""}


@pytest.mark.parametrize("int8", [False, True])
def test_a_bundle_whose_weights_were_rounded_starts_a_network_with_the_rounded_ones(
    first: Path, faces: FaceDataset, recipe_values: dict[str, Any], tmp_path: Path, int8: bool
) -> None:
    # A graph of 8 bits has no weights to go on from: they are in a file of their own.
    bundle = export_run(first, tmp_path / "bundle", calibrate_on=faces, int8=int8)
    model = build_model("residual", {"fer2013": 7, "ferplus": 8}, recipe_values["model"]["options"])
    assert start_from(model, str(bundle), IMAGES)["fresh"] == []
    trained = load_run_model(first)[0].state_dict()
    for name, weight in model.state_dict().items():
        if "num_batches" in name:
            continue
        rounded = trained[name].half().float() if weight.ndim > 1 else trained[name]
        assert weight.dtype == torch.float32 and torch.equal(weight, rounded), name


def test_the_model_in_the_package_starts_a_network_with_its_weights_and_pairs_of_channels() -> None:
    config = load_bundle("mien-s").config
    heads = {head.label_set: len(head.labels) for head in config.heads}
    model = build_model(config.architecture.name, heads, config.architecture.options)
    begin = start_from(model, "mien-s", IMAGES)
    kept = load_file(find_bundle("mien-s") / "model.safetensors")
    own = model.state_dict()
    assert any(name.startswith("partners.") for name in kept)
    assert not [name for name in begin["fresh"] if not name.startswith("partners.")]
    # How many batches a batch norm has seen is counted anew.
    for name in kept.keys() - {name for name in kept if name.endswith("num_batches_tracked")}:
        assert torch.equal(own[name], kept[name].to(own[name].dtype)), name


def test_what_fits_nowhere_is_refused(first: Path) -> None:
    with pytest.raises(ConfigError, match=r"no layer of .*first fits"):
        start_from(build_model("cnn6", {"ferplus": 8}), str(first), IMAGES)


@pytest.mark.parametrize("source", ["runs/nonesuch", "nonesuch"])
def test_a_source_that_is_not_there_says_what_to_do(source: str) -> None:
    with pytest.raises(ConfigError, match=rf"{source}.*train that first, or give --start-from"):
        start_from(build_model("cnn6", {"ferplus": 8}), source, IMAGES)


def test_a_run_that_cannot_start_leaves_no_run_behind(
    faces: FaceDataset, recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    recipe = parse_recipe({**recipe_values, "start_from": "nonesuch"})
    with pytest.raises(ConfigError, match="nonesuch"):
        train(recipe, faces, tmp_path / "run", console=QUIET)
    assert not (tmp_path / "run" / "run.json").exists()


def test_a_run_says_where_it_started_also_when_it_is_resumed(
    first: Path, faces: FaceDataset, recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    recipe_values["loop"]["epochs"] = 2
    recipe = parse_recipe({**recipe_values, "start_from": str(first)})
    shown = StringIO()
    run = tmp_path / "second"
    train(recipe, faces, run, console=Console(file=shown, width=300), max_epochs_now=1)
    assert f"starts from {first}" in shown.getvalue()
    start = read_run(run).start
    assert start["from"] == str(first)
    # What a resumed run goes on from is its own checkpoint.
    (first / "run.json").unlink()
    train(recipe, faces, run, console=QUIET, resume=True)
    assert read_run(run).start == start


def test_a_wider_network_begins_as_what_the_narrower_one_computes(
    first: Path, recipe_values: dict[str, Any]
) -> None:
    heads = {"fer2013": 7, "ferplus": 8}
    options = recipe_values["model"]["options"]
    narrow = load_run_model(first)[0]
    # Odd numbers and more than twice as many: some channels get two copies, others one.
    wider = [width * 2 + 3 * (n + 1) for n, width in enumerate(options["widths"])]
    model = build_model("residual", heads, options | {"widths": wider})
    told = start_from(model, str(first), IMAGES)
    assert told["fresh"] == []
    assert told["tensors_of_other_width"] > 0
    images = torch.randn(16, 1, 24, 24, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        answers, wanted = model.eval()(images), narrow.eval()(images)
    for head in heads:
        assert wanted[head].std() > 0
        torch.testing.assert_close(answers[head], wanted[head], rtol=1e-4, atol=1e-5)


def test_copies_of_a_channel_learn_differently(first: Path, recipe_values: dict[str, Any]) -> None:
    options = recipe_values["model"]["options"]
    wider = [2 * width for width in options["widths"]]
    model = build_model("residual", {"fer2013": 7, "ferplus": 8}, options | {"widths": wider})
    start_from(model, str(first), IMAGES)
    kernels = model.stem[0].weight  # type: ignore[union-attr, index]
    old = options["widths"][0]
    copies = [
        next(n for n in range(old) if torch.equal(kernels[n], kernel)) for kernel in kernels[old:]
    ]
    assert sorted(copies) == list(range(old))
    images = torch.randn(8, 1, 24, 24, generator=torch.Generator().manual_seed(3))
    loss = sum(logits.logsumexp(1).sum() - logits[:, 0].sum() for logits in model(images).values())
    (gradient,) = torch.autograd.grad(loss, [kernels])
    assert not torch.allclose(gradient[old:], gradient[copies], rtol=0.01)


def test_a_narrower_network_leaves_out_the_channels_that_do_nothing(
    first: Path, recipe_values: dict[str, Any]
) -> None:
    heads = {"fer2013": 7, "ferplus": 8}
    options = recipe_values["model"]["options"]
    narrow = load_run_model(first)[0]
    wider = [2 * width for width in options["widths"]]
    wide = build_model("residual", heads, options | {"widths": wider})
    # The narrow network's channels in the odd places; what is read from the others counts nothing.
    wide.load_state_dict(_spread(narrow.state_dict(), wide.state_dict()))
    shrunk = fit_channels(wide.state_dict(), narrow.state_dict(), narrow.channel_groups())
    again = build_model("residual", heads, options)
    again.load_state_dict(shrunk)
    images = torch.randn(16, 1, 24, 24, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        answers, wanted = again.eval()(images), narrow.eval()(images)
    for head in heads:
        torch.testing.assert_close(answers[head], wanted[head], rtol=1e-4, atol=1e-5)


def _spread(small: dict[str, Tensor], large: dict[str, Tensor]) -> dict[str, Tensor]:
    """Put each tensor into every second place of a larger one of zeros."""
    spread = {}
    for name, weight in small.items():
        places = [
            slice(None) if old == new else slice(1, None, 2)
            for old, new in zip(weight.shape, large[name].shape, strict=True)
        ]
        spread[name] = torch.zeros_like(large[name])
        spread[name][tuple(places)] = weight
        if name.endswith("running_var"):
            spread[name][::2] = 1.0
    return spread


def test_a_deeper_network_begins_as_what_the_shallower_one_computes(
    first: Path, recipe_values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    heads = {"fer2013": 7, "ferplus": 8}
    options = recipe_values["model"]["options"]
    shallow = load_run_model(first)[0].eval()
    blocks = [count + 1 + n for n, count in enumerate(options["blocks"])]
    deep = build_model("residual", heads, options | {"blocks": blocks})
    told = start_from(deep, str(first), IMAGES)
    assert {name.split(".")[0] for name in told["fresh"]} == {"stages"}
    images = torch.randn(16, 1, 24, 24, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        wanted, answers = shallow(images), deep.eval()(images)
        for head in heads:
            torch.testing.assert_close(answers[head], wanted[head])

    # And back: the blocks that were added are left out, whatever they have learned since.
    for name, weight in deep.state_dict().items():
        if name in told["fresh"]:
            weight.add_(1.0)
    again = build_model("residual", heads, options)
    monkeypatch.setattr("mien.training.start.read_weights", lambda source: deep.state_dict())
    assert start_from(again, "it", IMAGES)["fresh"] == []
    with torch.no_grad():
        for head, logits in again.eval()(images).items():
            torch.testing.assert_close(logits, wanted[head])


def test_a_shallower_network_keeps_the_pairs_of_a_symmetric_one() -> None:
    deep = ResidualNet({"fer2013": 7}, widths=(6, 9, 4), blocks=(2, 3, 1), mirror=True)
    for partners in deep.partners.buffers():
        # Each its own partner: pairs that a fresh network has not got.
        partners.copy_(torch.arange(len(partners)))
    shallow = ResidualNet({"fer2013": 7}, widths=(6, 9, 4), blocks=(1, 1, 1), mirror=True)
    own = shallow.state_dict()
    fitted = fit_blocks(deep.state_dict(), shallow.stage_numbers)
    assert fitted.keys() == own.keys()
    assert all(fitted[name].shape == weight.shape for name, weight in own.items())
    assert not torch.equal(own["partners.block_2"], torch.arange(4))
    assert torch.equal(fitted["partners.block_2"], torch.arange(4))
    assert torch.equal(fitted["stages.1.conv1.weight"], deep.state_dict()["stages.2.conv1.weight"])
    assert torch.equal(fitted["stages.2.conv1.weight"], deep.state_dict()["stages.5.conv1.weight"])


@pytest.mark.parametrize("mirror", [False, True])
def test_a_network_without_attention_begins_with_what_it_was_on_the_average(
    tmp_path: Path, mirror: bool
) -> None:
    heads = {"fer2013": 7}
    options = {"widths": [8, 16], "blocks": [2, 1], "mirror": mirror}
    torch.manual_seed(1)
    source = ResidualNet(heads, **options).eval()
    for block in source.stages:
        torch.nn.init.uniform_(block.norm2.weight, 0.5, 1.5)
    # Whose bottleneck is never used gives all faces the same factors; the second one does.
    for number in (0, 2):
        torch.nn.init.constant_(source.stages[number].attention.squeeze.bias, -100.0)
    if mirror:
        symmetrise(source)
    faces = torch.randn(12, 1, 24, 24)
    fitted = ResidualNet(heads, **options, attention=[False, True, False]).eval()
    weights = source.state_dict()
    folded = fold_attention(fitted, weights, faces)
    fitted.load_state_dict({k: v for k, v in folded.items() if k in fitted.state_dict()})
    torch.testing.assert_close(fitted(faces)["fer2013"], source(faces)["fer2013"])

    seen: list[Tensor] = []
    source.stages[1].attention.excite.register_forward_hook(
        lambda _module, _inputs, output: seen.append(torch.sigmoid(output))
    )
    source(faces)
    plain = ResidualNet(heads, **options, attention=False)
    folded = fold_attention(plain, weights, faces)
    wanted = weights["stages.1.norm2.bias"] * seen[0].mean((0, 2, 3))
    torch.testing.assert_close(folded["stages.1.norm2.bias"], wanted)
    assert plain.training and isinstance(plain.stages[1].attention, torch.nn.Identity)
