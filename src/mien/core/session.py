"""ONNX Runtime behind one small class: threads and provider are always stated.

Imported late by those who run a model, so that `import mien` stays quick.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from mien.core.errors import BundleError


class OnnxSession:
    """A loaded ONNX graph. Running it is thread-safe.

    Attributes:
        input_name: Name of the graph's first input, the one that `run` feeds.
        input_shape: Its shape; a name or None stands for a dimension that is free.
        input_names: Names of all inputs, in graph order.
        output_names: Names of its outputs, in graph order.
        output_shapes: Output name to shape, as `input_shape`.
        provider: The execution provider that runs it.
    """

    def __init__(
        self, model: Path | bytes, *, threads: int = 1, provider: str = "CPUExecutionProvider"
    ) -> None:
        """Load a graph.

        Args:
            model: Path of the .onnx file, or its bytes.
            threads: CPU threads for one call; 1 is best for single faces.
            provider: ONNX Runtime's name of the execution provider. One that is not
                available is refused, never replaced in silence.

        Raises:
            BundleError: If the provider is not available or the graph cannot be loaded.
        """
        available = ort.get_available_providers()
        if provider not in available:
            raise BundleError(
                f"execution provider {provider!r} is not available here; "
                f"available: {', '.join(available)}"
            )
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Spinning threads burn a core between two frames of a camera for nothing.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        source = model if isinstance(model, bytes) else str(model)
        try:
            self._session = ort.InferenceSession(source, options, providers=[provider])
        except Exception as error:  # ONNX Runtime raises many unrelated classes
            raise BundleError(f"the ONNX graph cannot be loaded: {error}") from error
        self.provider = provider
        self.input_name = self._session.get_inputs()[0].name
        self.input_shape = tuple(self._session.get_inputs()[0].shape)
        self.input_names = tuple(node.name for node in self._session.get_inputs())
        self.output_names = tuple(output.name for output in self._session.get_outputs())
        self.output_shapes = {node.name: tuple(node.shape) for node in self._session.get_outputs()}

    def run(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Run the graph on one batch and return every output by name."""
        outputs = self._session.run(None, {self.input_name: batch})
        return dict(zip(self.output_names, outputs, strict=True))
