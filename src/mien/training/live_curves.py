"""Loss and accuracy in a notebook, redrawn in place after every epoch."""

from __future__ import annotations

from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback

from mien.core.errors import MissingExtraError
from mien.training.callbacks import EpochLog
from mien.training.curves import curves_png

# A notebook keeps the picture inside its file: 970 x 370 px are enough to read it.
_DPI = 88


class LiveCurves(Callback):
    """Shows a run's curves below the cell that trains, and draws them anew after each epoch.

    For `mien.training.train.train(..., callbacks=[LiveCurves()])` in Jupyter. A resumed run
    shows the epochs that it goes on from as well. On several GPUs the first process draws.

    Raises:
        MissingExtraError: If there is no IPython, without which there is no notebook.
    """

    def __init__(self) -> None:
        try:
            import IPython.display
        except ImportError as error:
            raise MissingExtraError(
                "LiveCurves draws in a notebook, and IPython is not installed here: "
                "pip install jupyterlab, or open curves.png in the run folder, which is redrawn too"
            ) from error
        # IPython has no types for what it displays.
        self._display: Any = IPython.display
        self._handle: Any = None

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Show the epochs that there are, so that the picture stands above all that follows."""
        self._handle = None
        self._draw(trainer)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Draw once more; `EpochLog`, which comes before, has the epoch's row."""
        self._draw(trainer)

    def _draw(self, trainer: L.Trainer) -> None:
        if not trainer.is_global_zero:
            return
        log = next(c for c in trainer.callbacks if isinstance(c, EpochLog))  # type: ignore[attr-defined]
        png = curves_png(log.rows, title=log.title, dpi=_DPI)
        picture = self._display.Image(data=png, format="png")
        if self._handle is None:
            self._handle = self._display.display(picture, display_id=True)
        else:
            self._handle.update(picture)
