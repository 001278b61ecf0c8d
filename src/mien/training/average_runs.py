"""Several trained runs made one network: the average of their weights, a model soup.

Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves accuracy
without increasing inference time" (2022), and Izmailov et al., "Averaging weights leads to wider
optima and better generalization" (2018), from whom the batch norms measured anew are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from mien.core.errors import ConfigError, DatasetError
from mien.data import SPLITS, FaceDataset
from mien.models.mirror import symmetrise
from mien.models.residual import ResidualNet
from mien.training.members import Member, join_info, read_members, write_joined
from mien.training.recipe import Recipe
from mien.training.run import RunInfo, build_recipe_model
from mien.training.sample import SAMPLE_SEED, sample_training_faces
from mien.training.start import pair_channels

# Faces that batch norms are measured on, and how many of them at once.
FACES = 8192
BATCH = 256
# An average that answers less like its members than this has lost what they learned: networks
# that did not come from one lie in different valleys, with a hill between them.
MIN_AGREEMENT = 0.7


def average_runs(
    runs: Sequence[Path],
    dataset: FaceDataset,
    out: Path,
    *,
    name: str,
    checkpoint: str = "best",
    command: str = "",
    report: Callable[[float], None] = lambda part: None,
) -> RunInfo:
    """Make a run folder whose network has the mean of several networks' weights.

    Statistics of batch norms are measured anew: those of the networks belong to other weights,
    and their mean to none.

    Args:
        runs: Run folders of networks of one architecture that came from one: each began with
            another of them, or all with the same.
        dataset: With training faces, by which batch norms are measured and answers compared.
        out: The run folder to make.
        name: Of the average.
        checkpoint: Which of each run, `best` or `last`.
        command: What was typed, for the record.
        report: Called with the share of faces, 0..1, that batch norms have seen.

    Returns:
        What `run.json` says.

    Raises:
        ConfigError: If there are less than two runs, one is none, they do not fit together, the
            average does not answer as they do, or `out` holds a run already.
        DatasetError: If a run has no usable checkpoint, there are no training faces, or `out`
            cannot be written.
    """
    members = read_members(runs, out, checkpoint)
    first = members[0].info.recipe
    _check_networks(members)
    names = ", ".join(member.info.recipe.name for member in members)
    recipe = Recipe(
        name=name,
        description=f"The average of the weights of {names}",
        model=first.model,
        heads=first.heads,
        seed=first.seed,
        input=first.input,
    )
    images = _faces(members[0], dataset)
    network = build_recipe_model(recipe)
    states = [member.network.state_dict() for member in members]
    network.load_state_dict(
        {
            key: torch.stack([state[key] for state in states]).mean(0)
            # Counts and pairs of channels: a mean of those is neither.
            if value.is_floating_point()
            else value
            for key, value in states[0].items()
        }
    )
    if isinstance(network, ResidualNet) and network.mirror:
        pair_channels(network, states[0], images[:BATCH])
    # What drops out is drawn the same each time, and the caller's draws are left alone.
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(SAMPLE_SEED)
        update_bn(_batches(images, report), network)
    if isinstance(network, ResidualNet) and network.mirror:
        # Sums over many faces differ in their last digits between the channels of a pair.
        symmetrise(network)
    network.eval()
    for member in members:
        _check_agreement(network, member, images)
    info = join_info(members, recipe, command)
    write_joined(out, info, network.state_dict())
    return info


def _check_networks(members: Sequence[Member]) -> None:
    """Refuse networks whose weights have not the same places."""
    shapes = [{k: v.shape for k, v in m.network.state_dict().items()} for m in members]
    for member, own in zip(members, shapes, strict=True):
        if member.info.recipe.model.name != members[0].info.recipe.model.name or own != shapes[0]:
            raise ConfigError(
                f"{members[0].run} and {member.run} are networks of different shapes, whose "
                "weights have no average; `mien ensemble` takes the mean of their answers"
            )


def _faces(member: Member, dataset: FaceDataset) -> Tensor:
    """Return training faces as the network's input, (n, 1, size, size) float32."""
    spec = member.info.recipe.input
    if not (dataset.splits == SPLITS.index("train")).any():
        raise DatasetError(f"{dataset.name} has no training faces to measure batch norms on")
    faces = sample_training_faces(dataset, size=spec.size, count=FACES)
    return (torch.from_numpy(faces)[:, None].float() / 255 - spec.mean) / spec.std


def _batches(images: Tensor, report: Callable[[float], None]) -> Iterator[Tensor]:
    """Yield images with their mirror images, and report how many were asked for.

    Networks that answer both alike would not go on doing so without.
    """
    for start in range(0, len(images), BATCH):
        part = images[start : start + BATCH]
        yield torch.cat([part, part.flip(-1)])
        report(min(start + BATCH, len(images)) / len(images))


def _check_agreement(network: nn.Module, member: Member, images: Tensor) -> None:
    """Refuse an average that answers otherwise than a member."""
    with torch.no_grad():
        for head, logits in network(images[:BATCH]).items():
            theirs = member.network(images[:BATCH])[head]
            agreement = float((logits.argmax(1) == theirs.argmax(1)).float().mean())
            if agreement < MIN_AGREEMENT:
                raise ConfigError(
                    f"the average gives {agreement:.0%} of faces the {head} answer that "
                    f"{member.run} gives them: these networks did not come from one another "
                    "(start_from), so that their weights have no meaningful average, or the "
                    "data is not what they learned from; `mien ensemble` takes the mean of "
                    "their answers"
                )
