from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from mien.core.errors import ConfigError
from mien.models import available_models, build_model, count_parameters
from mien.models.layers import StandardiseFace

BOTH = {"fer2013": 7, "ferplus": 8}


def test_cnn6_has_exactly_the_parameters_of_its_tutorial() -> None:
    count = count_parameters(build_model("cnn6", {"ferplus": 8}))
    assert count.total == 2_598_732
    assert count.untrained == 1_896


def test_cnn4_has_the_parameters_that_its_layers_add_up_to() -> None:
    # Each convolution has 9 * in * out weights and a bias for each filter, and so on.
    widths = [1, 128, 256, 512, 512]
    convolutions = sum(9 * a * b + b for a, b in pairwise(widths))
    dense = (512 * 512 + 512) + (512 * 256 + 256) + (256 * 7 + 7)
    assert count_parameters(build_model("cnn4", {"fer2013": 7})).total == convolutions + dense


@pytest.mark.parametrize("name", [n for n in available_models() if n != "pretrained"])
def test_every_model_answers_with_logits_for_each_head(name: str) -> None:
    options = {"members": [{"name": "cnn4"}, {"name": "cnn6"}]} if name == "ensemble" else None
    model = build_model(name, BOTH, options).eval()
    logits = model(torch.zeros(3, 1, 48, 48))
    assert {head: tuple(t.shape) for head, t in logits.items()} == {
        "fer2013": (3, 7),
        "ferplus": (3, 8),
    }


def test_squeeze_of_few_channels_keeps_one() -> None:
    model = build_model("residual", BOTH, {"widths": [4], "blocks": [1]})
    assert all(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("size", [16, 32, 40, 47, 48, 64])
def test_residual_net_takes_any_size(size: int) -> None:
    logits = build_model("residual", BOTH).eval()(torch.rand(2, 1, size, size))
    assert logits["ferplus"].shape == (2, 8)


def test_standardised_face_has_mean_0_and_deviation_1_whatever_its_light() -> None:
    face = torch.rand(1, 1, 48, 48)
    plain, dim = StandardiseFace()(face), StandardiseFace()(0.5 * face + 0.3)
    assert abs(float(plain.mean())) < 1e-5
    assert float(plain.std(correction=0)) == pytest.approx(1, abs=0.01)
    # The floor under the variance keeps the two from being equal to the last digit.
    assert torch.allclose(plain, dim, atol=0.05)


def test_a_constant_face_is_standardised_to_zeros() -> None:
    standardised = StandardiseFace()(torch.full((2, 1, 8, 8), 0.7))
    assert float(standardised.abs().max()) < 1e-4


def test_an_unknown_model_is_refused_with_the_names_that_exist() -> None:
    known = "cnn4, cnn6, efficientnet-lite, ensemble, pretrained, residual"
    with pytest.raises(ConfigError, match=f"vgg99.*{known}"):
        build_model("vgg99", BOTH)


def test_an_ensemble_of_less_than_two_is_refused() -> None:
    for options in (None, {"members": [{"name": "cnn6"}]}):
        with pytest.raises(ConfigError, match="at least two members"):
            build_model("ensemble", BOTH, options)


def test_an_unknown_option_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ConfigError, match=r"depth.*widths"):
        build_model("residual", BOTH, {"depth": 3})


@pytest.mark.parametrize("options", [{"widths": ["a", "b"], "blocks": [1, 1]}, {"dropout": 2.0}])
def test_an_unusable_option_is_refused_with_its_value(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"residual cannot be built with .*(widths|dropout)"):
        build_model("residual", BOTH, options)


def test_widths_and_blocks_of_two_lengths_are_refused() -> None:
    with pytest.raises(ConfigError, match="one length"):
        build_model("residual", BOTH, {"widths": [8, 16], "blocks": [1]})


def test_attention_is_said_for_each_block_or_for_all() -> None:
    options = {"widths": [8, 16], "blocks": [1, 2], "attention": [True, False, True]}
    names = build_model("residual", BOTH, options).state_dict().keys()
    assert {name.split(".")[1] for name in names if "attention" in name} == {"0", "2"}
    with pytest.raises(ConfigError, match="each of 3 blocks"):
        build_model("residual", BOTH, {**options, "attention": [True]})
