"""Lanes put into a site's file: only they change, whatever else stands there."""

import tomllib

import pytest

from edgeguard.config.lane_text import lane_data, lane_text, lanes_of, with_lanes
from edgeguard.core.errors import ConfigError
from edgeguard.core.lane import LaneSpec

SITE = """# the house
[gateway]
site = "a"   # [[camera]] in a comment

[[camera]]   # first
name = "gate-in"
url = "rtsp://10.0.0.1/1"
[camera.alarms.black]
enabled = false

[[camera.lane]]
name = "old"
# of the second
[[camera]]
name = "gate-out"

[[device]]
name = "pump"
"""
LANES = (LaneSpec("left", ((0.1, 0.2), (0.5, 0.2), (0.5, 0.9)), ((0.1, 0.6), (0.5, 0.65))), LaneSpec("right"))


def test_there_and_back() -> None:
    assert lanes_of({"lanes": [lane_data(lane) for lane in LANES]}, "page") == LANES
    assert tomllib.loads(lane_text(LANES))["camera"]["lane"][0]["line"] == [[0.1, 0.6], [0.5, 0.65]]
    with pytest.raises(ConfigError, match="not on one line"):
        lanes_of({"lanes": [{"name": "x", "polygon": [[0, 0], [1, 1], [0.5, 0.5]]}]}, "page")
    with pytest.raises(ConfigError, match="unknown key"):
        lanes_of({"facade": {}}, "page")


@pytest.mark.parametrize("camera", ["gate-in", "gate-out"])
def test_only_the_lanes_of_one_camera_change(camera: str) -> None:
    made = with_lanes(SITE, camera, LANES)
    before, after = tomllib.loads(SITE), tomllib.loads(made)
    for old, new in zip(before["camera"], after["camera"], strict=True):
        wanted = [lane["name"] for lane in new.pop("lane", [])]
        assert wanted == (["left", "right"] if new["name"] == camera else [lane["name"] for lane in old.get("lane", [])])
        old.pop("lane", None)
    assert before == after
    assert made.startswith("# the house\n[gateway]\n")
    assert "# of the second\n[[camera]]" in made
    assert with_lanes(made, camera, LANES) == made, "the same again changes nothing"
    assert "lane" not in tomllib.loads(with_lanes(SITE, "gate-in", ()))["camera"][0]


def test_what_cannot_be_put_in_is_left_to_a_person() -> None:
    inline = 'camera = [{name = "gate-in", url = "x"}]\n'
    with pytest.raises(ConfigError, match="without a person"):
        with_lanes(inline, "gate-in", LANES)
    with pytest.raises(ConfigError, match="without a person"):
        with_lanes('[[camera]]\nname = "gate-in"\nlane = [{name = "x"}]\n', "gate-in", LANES)
    with pytest.raises(ConfigError, match="no camera"):
        with_lanes(SITE, "gate", LANES)
