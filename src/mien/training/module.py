"""The Lightning module: forward, losses, metrics, optimiser, schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR, ReduceLROnPlateau

from mien.models.mirror import keep_symmetric
from mien.models.residual import ResidualNet
from mien.training.augment import Augment, cutmix, mixup, resize
from mien.training.recipe import OptimiserRecipe, Recipe
from mien.training.sharpness import Ascent
from mien.training.targets import HeadTargets, sample_labels
from mien.training.teacher import Teacher, taught


class FaceModule(L.LightningModule):
    """Trains one network with one or more heads.

    Logged for each head: `train/<head>/loss|accuracy`, `val/<head>/loss|accuracy`; over all:
    `train/loss`, `val/loss` (weighted sum), `val/score` (mean accuracy of the heads).

    Args:
        model: From `mien.models.build_model`.
        recipe: The whole recipe.
        train_targets: Head name to targets, rows as in the training faces.
        val_targets: The same for the validation faces.
        teachers: Networks to learn from beside the targets; no part of what is saved.
    """

    def __init__(
        self,
        model: nn.Module,
        recipe: Recipe,
        train_targets: Mapping[str, HeadTargets],
        val_targets: Mapping[str, HeadTargets],
        teachers: Sequence[Teacher] = (),
    ) -> None:
        super().__init__()
        self.model = model
        self.recipe = recipe
        self.augment = Augment(recipe.augment)
        # A list hides them from PyTorch: they are neither trained nor saved nor averaged.
        self._teachers = list(teachers)
        self._ascent = Ascent(model, recipe.optimiser.sam_rho)
        mixes = ((mixup, recipe.augment.mixup), (cutmix, recipe.augment.cutmix))
        self._mixes = [(mix, alpha) for mix, alpha in mixes if alpha]
        self._targets = {"train": dict(train_targets), "val": dict(val_targets)}

    def normalise(self, faces: Tensor) -> Tensor:
        """Turn faces of 0..1 into the model's input, as `core.imaging.normalise` does."""
        spec = self.recipe.input
        return (faces - spec.mean) / spec.std

    def face_size(self, epoch: int | None = None) -> int:
        """Side in pixels that an epoch, counted from 0, or this one trains at."""
        epoch = self.current_epoch if epoch is None else epoch
        progress = epoch / self.recipe.loop.epochs
        size = self.recipe.input.size
        for share, side in self.recipe.loop.sizes:
            if progress >= share:
                size = side
        return size

    def on_fit_start(self) -> None:
        """Bring the teachers to the device that trains."""
        for teacher in self._teachers:
            teacher.network.to(self.device)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Make everything random in a step depend on seed, step and device alone.

        That is what lets a run that was killed and resumed end like one that was not.
        """
        spread = 1_000_003 * self.recipe.seed + 7_919 * self.global_rank
        torch.manual_seed(spread + self.global_step)

    def training_step(
        self, batch: tuple[Tensor, Tensor], batch_idx: int
    ) -> dict[str, Tensor | dict[str, tuple[int, Tensor]]]:
        """Return the loss of one batch and, for whoever shows progress, its hits by head."""
        faces, rows = batch
        whole = self.augment.change(faces.float() / 255.0)
        images = resize(self.augment.lose(whole), self.face_size())
        targets = self._batch_targets("train", rows)
        if self._teachers:
            # They take turns, a batch each: on the average their mean, at the price of one.
            turn, number = divmod(self.global_step, len(self._teachers))
            shown = whole.flip(-1) if self.recipe.teacher.mirrored and turn % 2 else whole
            targets = taught(targets, self._teachers[number](shown), self.recipe.teacher.share)
        if self._mixes:
            mix, alpha = self._mixes[self.global_step % len(self._mixes)]
            images, targets = mix(images, targets, alpha)
        if self.recipe.optimiser.sam_rho:
            self._climb(images, targets)
        loss, hits = self._losses("train", images, targets)
        return {"loss": loss, "hits": hits}

    def _climb(self, images: Tensor, targets: Mapping[str, Tensor]) -> None:
        """Move the weights uphill, by the first faces of a batch."""
        # At least two faces: a batch norm has no statistics of one.
        count = max(2, round(self.recipe.optimiser.sam_share * len(images)))

        def loss() -> Tensor:
            logits = self._logits(images[:count])
            losses = []
            for head, target in targets.items():
                weight = self.recipe.heads[head].weight
                losses.append(weight * self._head_loss("train", head, logits[head], target[:count]))
            return torch.stack(losses).sum()

        self._ascent.climb(loss)

    def on_after_backward(self) -> None:
        """Leave the hill that the gradient was taken on, and keep what is symmetric so."""
        self._ascent.come_back()
        # The network, or the members of an ensemble.
        for network in self.model.modules():
            if isinstance(network, ResidualNet) and network.mirror:
                keep_symmetric(network)

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Log losses and accuracies of one batch, unchanged faces, one crop."""
        faces, rows = batch
        images = resize(faces.float() / 255.0, self.recipe.input.size)
        self._losses("val", images, self._batch_targets("val", rows))

    def on_validation_epoch_end(self) -> None:
        """Log the mean of the heads' accuracies, which selects the epoch to keep."""
        metrics = self.trainer.callback_metrics
        accuracies = [metrics[f"val/{head}/accuracy"] for head in self.recipe.heads]
        self.log("val/score", torch.stack(accuracies).mean())

    def _batch_targets(self, stage: str, rows: Tensor) -> dict[str, Tensor]:
        batch = {}
        for name, targets in self._targets[stage].items():
            chosen = targets.distributions[rows.cpu()]
            if stage == "train" and targets.sampled:
                chosen = sample_labels(chosen)
            batch[name] = chosen.to(self.device)
        return batch

    def _losses(
        self, stage: str, images: Tensor, targets: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, tuple[int, Tensor]]]:
        """Return the weighted sum of soft cross-entropies, and log what a reader watches.

        Also returns, for each head, the faces that have a label and how many of them were hit.
        """
        logits = self._logits(images)
        total = torch.zeros((), device=self.device)
        seen: dict[str, tuple[int, Tensor]] = {}
        for name, target in targets.items():
            loss = self._head_loss(stage, name, logits[name], target)
            total = total + self.recipe.heads[name].weight * loss
            known = target.sum(1) > 0
            count = int(known.sum())
            hits = (logits[name].argmax(1) == target.argmax(1))[known].float()
            seen[name] = count, hits.sum()
            if count:
                self._log_epoch(f"{stage}/{name}/loss", loss, count)
                self._log_epoch(f"{stage}/{name}/accuracy", hits.mean(), count)
        self._log_epoch(f"{stage}/loss", total, len(images))
        return total, seen

    def _head_loss(self, stage: str, name: str, logits: Tensor, target: Tensor) -> Tensor:
        """Return the mean weighted cross-entropy of one head, as its recipe changes it."""
        weights = self._targets[stage][name].class_weights.to(self.device)
        offsets = self._targets["train"][name].logit_offsets.to(self.device)
        log_p = torch.log_softmax(logits.float() + offsets, dim=1)
        if gamma := self.recipe.heads[name].focal_gamma:
            # 1 - p by way of expm1, which is exact where p is all but 1.
            weights = weights * (-torch.expm1(log_p)).pow(gamma)
        # Divided by the usable share of the batch, so that a head with few labels is taught as
        # strongly as its weight says.
        usable = target.sum().clamp(min=1e-6)
        return -(target * weights * log_p).sum() / usable

    def _logits(self, images: Tensor) -> dict[str, Tensor]:
        """Return logits (n, classes) for each head, from faces (n, 1, h, w) of 0..1."""
        images = self.normalise(images).contiguous(memory_format=torch.channels_last)
        logits: dict[str, Tensor] = self.model(images)
        return logits

    def _log_epoch(self, name: str, value: Tensor, count: int) -> None:
        self.log(
            name, value.detach(), on_step=False, on_epoch=True, batch_size=count, sync_dist=True
        )

    def configure_optimizers(self) -> Any:
        """Return optimiser and schedule as the recipe says."""
        spec = self.recipe.optimiser
        optimiser = _make_optimiser(self.model, spec)
        steps = int(self.trainer.estimated_stepping_batches)
        if spec.schedule == "onecycle":
            schedule: Any = OneCycleLR(
                optimiser,
                spec.learning_rate,
                total_steps=steps,
                pct_start=spec.warmup_share,
                cycle_momentum=False,
                final_div_factor=1e3,
            )
        elif spec.schedule == "cosine":
            schedule = CosineAnnealingLR(optimiser, T_max=steps)
        elif spec.schedule == "plateau":
            schedule = ReduceLROnPlateau(
                optimiser, factor=spec.plateau_factor, patience=spec.plateau_patience
            )
            return [optimiser], [{"scheduler": schedule, "monitor": "val/loss"}]
        else:
            return optimiser
        return [optimiser], [{"scheduler": schedule, "interval": "step"}]


def _make_optimiser(model: nn.Module, spec: OptimiserRecipe) -> torch.optim.Optimizer:
    """Return the optimiser, with weight decay on matrices and kernels alone."""
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": spec.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    if spec.name == "sgd":
        return torch.optim.SGD(
            groups, lr=spec.learning_rate, momentum=spec.momentum, nesterov=spec.momentum > 0
        )
    if spec.name == "adamw":
        return torch.optim.AdamW(groups, lr=spec.learning_rate)
    return torch.optim.Adam(model.parameters(), lr=spec.learning_rate)
