"""The judge of falls that ships: whole it is taken, otherwise refused with the reason."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from edgeguard.camera.fall_judge import fall_judge
from edgeguard.camera.shipped import MANIFEST, ModelError, shipped_models
from edgeguard.vision.fall_signs import NAMES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (MANIFEST, "fall_judge.json"):
        shutil.copy(shipped_models() / name, tmp_path / name)
    return tmp_path


def ours(folder: Path, text: str) -> None:
    """`text` in its place, and in the manifest."""
    (folder / "fall_judge.json").write_text(text)
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    manifest["models"]["fall_judge"]["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")


def test_the_shipped_one_is_whole(folder: Path) -> None:
    judge = fall_judge(folder)
    assert judge.forest.signs == NAMES
    assert 0.5 < judge.threshold < 1.0


def test_a_changed_one_is_refused_by_its_hash(folder: Path) -> None:
    text = (folder / "fall_judge.json").read_text()
    (folder / "fall_judge.json").write_text(text.replace("1", "2", 1))
    with pytest.raises(ModelError, match=r"fall_judge\.json: is not the model that the manifest names"):
        fall_judge(folder)


def test_a_missing_one_is_told(folder: Path) -> None:
    (folder / "fall_judge.json").unlink()
    with pytest.raises(ModelError, match=r"fall_judge\.json: the model cannot be read"):
        fall_judge(folder)


@pytest.mark.parametrize(
    ("text", "words"), [("{", "Expecting"), ("{}", "no forest"), ('{"signs": [], "trees": [[]]}', "a list of 1")]
)
def test_with_the_right_hash_but_no_forest_it_is_refused(folder: Path, text: str, words: str) -> None:
    ours(folder, text)
    with pytest.raises(ModelError, match=rf"fall_judge\.json: .*{words}"):
        fall_judge(folder)


def test_one_that_asks_for_other_signs_is_of_another_version(folder: Path) -> None:
    raw = json.loads((folder / "fall_judge.json").read_text())
    raw["signs"][0], raw["signs"][1] = raw["signs"][1], raw["signs"][0]
    ours(folder, json.dumps(raw))
    with pytest.raises(ModelError, match="other signs"):
        fall_judge(folder)
