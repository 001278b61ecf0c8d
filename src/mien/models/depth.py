"""A network that begins as another of the same build with fewer or more blocks in its stages.

More blocks: the new ones are fresh, add nothing yet and so leave what is computed as it is
(after Chen, Goodfellow and Shlens, 2016, https://arxiv.org/abs/1511.05641). Fewer: the last ones of
a stage are left out, each of which adds little to what it is given (Veit et al., 2016,
https://arxiv.org/abs/1605.06431).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from torch import Tensor

# Where a name has the number of a block, counted through all stages.
_NUMBER = re.compile(r"^(stages\.|partners\.block_|partners\.attention_)(\d+)(?=\.|$)")


def fit_blocks(weights: Mapping[str, Tensor], stages: Sequence[int]) -> dict[str, Tensor]:
    """Return the weights of a `ResidualNet` by the names that its blocks have in another one.

    Args:
        weights: Of the first network, by name.
        stages: For each block of the other one the number of its stage, from 0.

    Returns:
        The same tensors, without those of blocks that the other one has no place for.
    """
    places = {place: number for number, place in enumerate(_places(stages))}
    numbers = [places.get(place) for place in _places(_stages(weights))]
    fitted = {}
    for name, weight in weights.items():
        match = _NUMBER.match(name)
        if match is None:
            fitted[name] = weight
        elif (number := numbers[int(match[2])]) is not None:
            fitted[f"{match[1]}{number}{name[match.end() :]}"] = weight
    return fitted


def _stages(weights: Mapping[str, Tensor]) -> list[int]:
    """Return each block's stage; every one but the first begins with a block that halves."""
    numbers = [int(match[2]) for name in weights if (match := _NUMBER.match(name))]
    stage, stages = 0, []
    for number in range(max(numbers, default=-1) + 1):
        stage += number > 0 and any(n.startswith(f"stages.{number}.shortcut.") for n in weights)
        stages.append(stage)
    return stages


def _places(stages: Sequence[int]) -> list[tuple[int, int]]:
    """Return each block's stage and its number there."""
    return [(stage, list(stages[:number]).count(stage)) for number, stage in enumerate(stages)]
