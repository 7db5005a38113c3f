"""The models that ship with the program: found, and compared by hash with their manifest.

A model that is missing, cut short or not ours is refused before anything of it is loaded. Nothing heavy is imported here:
the daemon, which runs no model, tells which ones its cameras' processes will run.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edgeguard.core.camera import ModelMark
from edgeguard.core.camera_limits import MODEL_MAX_BYTES
from edgeguard.core.errors import Permanent

MANIFEST: Final = "manifest.json"
_ADVICE: Final = "install the package anew"


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


def checked_bytes(facts: ModelFacts) -> bytes:
    """The model's file, which is what the manifest says of it; ModelError otherwise."""
    data = _bytes(facts)
    if hashlib.sha256(data).hexdigest() != facts.sha256:
        raise ModelError(f"{facts.file}: is not the model that the manifest names (SHA-256 differs); {_ADVICE}")
    return data


def model_marks(folder: Path | None = None) -> tuple[ModelMark, ...]:
    """Every model of the manifest in `folder` (the shipped one), with the hash of its file as it lies there now.

    Nothing where there is no manifest that can be read: whoever wants to run a model is told why.
    """
    try:
        folder = folder or shipped_models()
        names = sorted(json.loads((folder / MANIFEST).read_bytes())["models"])
        return tuple(_mark(model_facts(name, folder)) for name in names)
    except (OSError, ValueError, KeyError, TypeError, ModelError):
        return ()


def _mark(facts: ModelFacts) -> ModelMark:
    try:
        digest = hashlib.sha256(_bytes(facts)).hexdigest()
    except ModelError:
        digest = ""
    return ModelMark(facts.name, facts.version, digest, whole=digest == facts.sha256)


def _bytes(facts: ModelFacts) -> bytes:
    try:
        if facts.file.stat().st_size > MODEL_MAX_BYTES:
            raise ModelError(f"{facts.file}: is larger than any model of ours; {_ADVICE}")
        return facts.file.read_bytes()
    except OSError as error:
        raise ModelError(f"{facts.file}: the model cannot be read ({error.strerror}); {_ADVICE}") from error
