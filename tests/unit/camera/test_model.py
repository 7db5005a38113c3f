"""Shipped models: taken when they are ours, refused with the reason when not."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgeguard.camera.model import load_model
from edgeguard.camera.shipped import MANIFEST, ModelError, model_facts, model_marks, shipped_models
from edgeguard.core.camera_limits import MODEL_MAX_BYTES
from edgeguard.vision.plate_grammar import ALPHABET


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped models."""
    return Path(
        shutil.copytree(shipped_models(), tmp_path / "models", ignore=shutil.ignore_patterns("recipe", "*.md", "__pycache__"))
    )


def test_the_shipped_models_are_what_the_manifest_says() -> None:
    total = 0
    for name in ("plate_detector", "plate_reader"):
        model = load_model(name)
        total += model.facts.file.stat().st_size
    assert total <= 5_000_000
    assert model_facts("plate_reader").alphabet == ALPHABET


def test_they_run_on_batches() -> None:
    columns, colours = load_model("plate_reader").run(np.zeros((3, 32, 128, 3), np.uint8))
    assert columns.shape == (3, 32, len(ALPHABET) + 1)
    assert colours.shape == (3, 7)
    (cells,) = load_model("plate_detector").run(np.zeros((2, 96, 192, 3), np.uint8))
    assert cells.shape == (2, 9, 12, 24)


def _remove(file: Path) -> None:
    file.unlink()


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def _change(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))


def _bloat(file: Path) -> None:
    with file.open("ab") as end:
        end.truncate(MODEL_MAX_BYTES + 1)


@pytest.mark.parametrize(
    ("harm", "words"),
    [(_remove, "cannot be read"), (_cut, "SHA-256 differs"), (_change, "SHA-256 differs"), (_bloat, "larger than any model")],
)
def test_a_model_that_is_not_ours_is_refused_by_name(folder: Path, harm: Callable[[Path], None], words: str) -> None:
    harm(folder / "plate_reader.onnx")
    with pytest.raises(ModelError, match=words) as told:
        load_model("plate_reader", folder)
    assert "plate_reader.onnx" in str(told.value)
    assert load_model("plate_detector", folder).facts.name == "plate_detector"


@pytest.mark.parametrize("manifest", ["", "{}", '{"models": []}', '{"models": {"plate_reader": {"file": "x"}}}', "\xff"])
def test_a_broken_manifest_is_told(folder: Path, manifest: str) -> None:
    (folder / MANIFEST).write_text(manifest, encoding="latin-1")
    with pytest.raises(ModelError, match=r"manifest\.json: says nothing"):
        load_model("plate_reader", folder)


def test_a_missing_manifest_is_told(folder: Path) -> None:
    (folder / MANIFEST).unlink()
    with pytest.raises(ModelError, match=r"manifest\.json: cannot be read"):
        load_model("plate_reader", folder)


def test_a_file_with_the_right_hash_that_is_no_model_is_refused(folder: Path) -> None:
    (folder / "plate_reader.onnx").write_bytes(b"not a model")
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    manifest["models"]["plate_reader"]["sha256"] = hashlib.sha256(b"not a model").hexdigest()
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(ModelError, match="does not take it"):
        load_model("plate_reader", folder)


@pytest.mark.slow
def test_the_runtime_of_the_models_tells_its_maker_nothing(tmp_path: Path) -> None:
    """Where it may, it leaves a file of its session in the temporary folder as soon as it is loaded, and a name for this device."""
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment |= {"TMPDIR": str(tmp_path), "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    script = "from edgeguard.camera.plates import PlateReader; PlateReader.shipped()"
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, timeout=60)
    assert list(tmp_path.iterdir()) == []


def test_the_inventory_tells_what_lies_there_and_whether_it_is_ours(folder: Path) -> None:
    whole = {mark.name: mark for mark in model_marks(folder)}
    assert [(name, mark.whole) for name, mark in whole.items()] == [
        ("fall_judge", True),
        ("plate_detector", True),
        ("plate_reader", True),
    ]
    assert whole["plate_reader"].sha256 == model_facts("plate_reader", folder).sha256

    _change(folder / "plate_reader.onnx")
    (folder / "plate_detector.onnx").unlink()
    now = {mark.name: mark for mark in model_marks(folder)}
    assert [mark.whole for mark in now.values()] == [True, False, False]
    assert now["plate_detector"].sha256 == ""
    assert now["plate_reader"].sha256 == hashlib.sha256((folder / "plate_reader.onnx").read_bytes()).hexdigest()


@pytest.mark.parametrize("manifest", [b"", b"[]", b'{"models": 3}', b'{"models": {"x": {}}}', None])
def test_without_a_manifest_there_is_no_inventory(folder: Path, manifest: bytes | None) -> None:
    (folder / MANIFEST).unlink()
    if manifest is not None:
        (folder / MANIFEST).write_bytes(manifest)
    assert model_marks(folder) == ()
