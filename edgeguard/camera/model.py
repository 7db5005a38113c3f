"""The models that ship with the program, run on one thread after `shipped` has found them whole.

Knows nothing of what models are for.
"""

from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as onnx_errors

from edgeguard.camera.shipped import ModelError, ModelFacts, checked_bytes, model_facts

_REFUSALS: Final = (
    onnx_errors.Fail,
    onnx_errors.InvalidArgument,
    onnx_errors.InvalidGraph,
    onnx_errors.InvalidProtobuf,
    onnx_errors.NotImplemented,
    onnx_errors.RuntimeException,
)
"""What onnxruntime raises for a model that it cannot load; they have no ancestor of their own."""


class Model:
    """A checked model, ready to run. One thread, so that a camera's process costs what it is meant to cost."""

    def __init__(self, facts: ModelFacts, session: onnxruntime.InferenceSession) -> None:
        self.facts = facts
        self._session = session
        self._input: str = session.get_inputs()[0].name

    def run(self, pictures: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Outputs for a batch of pictures (batch x rows x columns x BGR)."""
        return list(self._session.run(None, {self._input: pictures}))


def load_model(name: str, folder: Path | None = None) -> Model:
    """The model `name`, its file compared with the manifest's SHA-256 before anything of it is interpreted."""
    facts = model_facts(name, folder)
    data = checked_bytes(facts)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except (RuntimeError, ValueError, *_REFUSALS) as error:
        raise ModelError(f"{facts.file}: this computer's onnxruntime does not take it: {str(error)[:200]}") from error
    return Model(facts, session)
