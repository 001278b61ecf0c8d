"""Several networks that answer as one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Ensemble(nn.Module):
    """Answers with the mean of what its members find probable.

    Of networks that err in different ways, the mean is right more often than each (Lakshminarayanan
    et al., 2017, https://arxiv.org/abs/1612.01474).

    Args:
        members: Networks with the same heads, that take the same input.
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        if len(members) < 2:
            raise ValueError(f"an ensemble has at least two members, got {len(members)}")
        self.members = nn.ModuleList(members)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return the logarithm (n, classes) of the mean probability, by head."""
        answers = [member(images) for member in self.members]
        return {
            head: torch.logsumexp(
                torch.stack([torch.log_softmax(each[head], dim=1) for each in answers]), dim=0
            )
            - math.log(len(answers))
            for head in answers[0]
        }
