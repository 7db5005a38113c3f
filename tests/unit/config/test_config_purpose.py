"""What a camera's pictures are taken for is stated, in the operator's words or in ours, and by the task where nothing is said."""

from pathlib import Path

import pytest

from edgeguard.config import load_site
from edgeguard.core.camera import CameraSpec
from edgeguard.core.errors import ConfigError
from edgeguard.core.point import Labels

HEAD = '[gateway]\nsite = "s"\nid = "g"\n[[camera]]\nname = "c"\nurl = "rtsp://10.0.0.9/1"\n'


def camera(tmp_path: Path, text: str) -> CameraSpec:
    file = tmp_path / "site.toml"
    file.write_text(HEAD + text, encoding="utf-8")
    (found,) = load_site(file).cameras
    return found


def test_the_operators_words_are_taken(tmp_path: Path) -> None:
    said = camera(tmp_path, 'task = "falling"\npurpose = { zh = "取证", en = "evidence" }\n')
    assert said.stated_purpose == Labels("取证", "evidence")


def test_without_any_the_task_says_it(tmp_path: Path) -> None:
    falling, plates = camera(tmp_path, 'task = "falling"\n'), camera(tmp_path, 'task = "plates"\n')
    assert "1254" in falling.stated_purpose.en
    assert "第二十六条" in falling.stated_purpose.zh
    assert "vehicles" in plates.stated_purpose.en


def test_one_language_is_not_enough(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"camera\[0\]\.purpose\.en"):
        camera(tmp_path, 'task = "falling"\npurpose = { zh = "取证" }\n')
