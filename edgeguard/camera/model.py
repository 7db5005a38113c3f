"""The models that ship with the program: found, checked by hash against their manifest, and run on one thread.

A model that is missing, cut short or not ours is refused before anything of it is loaded. Knows nothing of what models are for.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as onnx_errors

from edgeguard.core.camera_limits import MODEL_MAX_BYTES
from edgeguard.core.errors import Permanent

MANIFEST: Final = "manifest.json"
_ADVICE: Final = "install the package anew"
_REFUSALS: Final = (
    onnx_errors.Fail,
    onnx_errors.InvalidArgument,
    onnx_errors.InvalidGraph,
    onnx_errors.InvalidProtobuf,
    onnx_errors.NotImplemented,
    onnx_errors.RuntimeException,
)
"""What onnxruntime raises for a model that it cannot load; they have no ancestor of their own."""


class ModelError(Permanent):
    """A model that cannot be used: missing, damaged, foreign, or not what the manifest says."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the manifest says of one model."""

    name: str
    file: Path
    sha256: str
    version: str
    alphabet: str
    """Characters of its classes, empty where it has none."""
    threshold: float
    """The confidence from which its findings are told."""


class Model:
    """A checked model, ready to run. One thread, so that a camera's process costs what it is meant to cost."""

    def __init__(self, facts: ModelFacts, session: onnxruntime.InferenceSession) -> None:
        self.facts = facts
        self._session = session
        self._input: str = session.get_inputs()[0].name

    def run(self, pictures: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Outputs for a batch of pictures (batch x rows x columns x BGR)."""
        return list(self._session.run(None, {self._input: pictures}))


def shipped_models() -> Path:
    """The folder with the shipped models: inside an installed package, beside it in a source tree."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "share" / "models", package.parent / "models"):
        if (folder / MANIFEST).is_file():
            return folder
    raise ModelError(f"{package}: the models are not there; {_ADVICE}")


def model_facts(name: str, folder: Path | None = None) -> ModelFacts:
    """What the manifest in `folder` (the shipped one) says of the model `name`."""
    folder = folder or shipped_models()
    manifest = folder / MANIFEST
    try:
        entry = _entry(json.loads(manifest.read_bytes()), name)
        return ModelFacts(
            name=name,
            file=folder / str(entry["file"]),
            sha256=str(entry["sha256"]),
            version=str(entry["version"]),
            alphabet=str(entry.get("alphabet", "")),
            threshold=float(entry["threshold"]),
        )
    except OSError as error:
        raise ModelError(f"{manifest}: cannot be read ({error.strerror}); {_ADVICE}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{manifest}: says nothing that can be used of {name}; {_ADVICE}") from error


def _entry(manifest: Any, name: str) -> Any:
    return manifest["models"][name]


def load_model(name: str, folder: Path | None = None) -> Model:
    """The model `name`, its file compared with the manifest's SHA-256 before anything of it is interpreted."""
    facts = model_facts(name, folder)
    data = _checked(facts)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except (RuntimeError, ValueError, *_REFUSALS) as error:
        raise ModelError(f"{facts.file}: this computer's onnxruntime does not take it: {str(error)[:200]}") from error
    return Model(facts, session)


def _checked(facts: ModelFacts) -> bytes:
    try:
        if facts.file.stat().st_size > MODEL_MAX_BYTES:
            raise ModelError(f"{facts.file}: is larger than any model of ours; {_ADVICE}")
        data = facts.file.read_bytes()
    except OSError as error:
        raise ModelError(f"{facts.file}: the model cannot be read ({error.strerror}); {_ADVICE}") from error
    if hashlib.sha256(data).hexdigest() != facts.sha256:
        raise ModelError(f"{facts.file}: is not the model that the manifest names (SHA-256 differs); {_ADVICE}")
    return data
