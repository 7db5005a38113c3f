import json
from pathlib import Path

import pytest
from cli_kit import Desk

from edgeguard.config.facade import load_facade
from edgeguard.core.errors import ConfigError
from edgeguard.testing.handlers import FakeBuilding


@pytest.fixture
def nobody(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "none.sock", FakeBuilding())


def test_files_that_cannot_be_read_are_told_one_by_one(nobody: Desk, tmp_path: Path) -> None:
    junk = tmp_path / "junk.mp4"
    junk.write_bytes(b"no video" * 100)
    printed = nobody.type("falling", str(junk), str(tmp_path / "none.mp4"), "--json")
    lines = [json.loads(line) for line in printed.out.splitlines()]
    assert [Path(line["file"]).name for line in lines] == ["junk.mp4", "none.mp4"]
    assert all(line["error"] and line["falls"] == [] for line in lines)
    assert printed.code == 1
    assert [line["error"] for line in lines] == [told.removeprefix("edgeguard: ") for told in printed.err.splitlines()]
    assert nobody.type("falling", str(junk)).out == ""


def test_floor_lines_that_do_not_rise_are_a_mistake_of_their_file(nobody: Desk, tmp_path: Path) -> None:
    """The camera's process could do nothing with them; `check` says so beforehand."""
    facade = tmp_path / "facade.toml"
    rows = (
        ((1, 60, 60), (5, 160, 160), (9, 300, 300)),
        ((1, 300, 300), (5, 160, 20), (9, 60, 60)),
        ((1, 300, 300), (5, 160, 200), (9, 60, 90)),
    )
    for lines, rising in zip(rows, (False, False, True), strict=True):
        told = ", ".join(f"{{floor = {floor}, points = [[0, {left}], [639, {right}]]}}" for floor, left, right in lines)
        facade.write_text(f"[facade]\nsize = [640, 360]\nlines = [{told}]\n")
        site = tmp_path / "site.toml"
        site.write_text(
            '[gateway]\nsite = "a"\nid = "b"\n[[camera]]\nname = "east"\nurl = "rtsp://10.0.0.9/1"\ntask = "falling"\n'
            'facade = "facade.toml"\n'
        )
        for words in (("check", str(site)), ("falling", "--facade", str(facade), "none.mp4")):
            printed = nobody.type(*words)
            assert (
                "facade.toml:3: facade.lines: do not rise in the picture as floors do" in printed.out + printed.err
            ) is not rising
            assert printed.code == (2 if not rising else 0 if words[0] == "check" else 1)


def test_a_facade_file_with_mistakes_names_their_lines(nobody: Desk, tmp_path: Path) -> None:
    facade = tmp_path / "facade.toml"
    facade.write_text('[facade]\nstorey_m = 3.0\nlines = [{floor = 1, points = [[0, 5], [9, 5]]}]\npolygons = "x"\n')
    printed = nobody.type("falling", "--facade", str(facade), "x.mp4")
    assert printed.code == 2
    assert "facade.toml:3: facade.lines: need three different floors" in printed.err
    assert "facade.toml:4: facade.polygons" in printed.err


def test_a_facade_file_in_order_says_all(tmp_path: Path) -> None:
    facade = tmp_path / "facade.toml"
    facade.write_text(
        "[facade]\nsize = [1920, 1080]\nfps = 12.5\npolygon = [[0, 0], [9, 0], [9, 9]]\ncolumns = [3, 6]\n"
        "[facade.mount]\npitch_deg = 30\nfocal_px = 1800\ndistance_m = 18\n"
    )
    spec = load_facade(facade)
    assert (spec.size, spec.fps, spec.columns, spec.storey_m) == ((1920, 1080), 12.5, (3, 6), 3.0)
    assert spec.mount is not None
    assert spec.mount.height_m == 3.0


@pytest.mark.parametrize("text", ["", "[facade]\nfps = 0\n", "[facade]\npolygon = [[0, 0]]\n", "[other]\n"])
def test_what_is_wrong_in_a_facade_file_is_refused(tmp_path: Path, text: str) -> None:
    facade = tmp_path / "facade.toml"
    facade.write_text(text)
    with pytest.raises(ConfigError, match="facade"):
        load_facade(facade)
