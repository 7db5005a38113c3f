"""`[gate.plates]`, `[parking]` and `[[camera.lane]]`: what they become, and how they can be wrong."""

from pathlib import Path

import pytest

from edgeguard.config import load_site
from edgeguard.core.errors import ConfigError
from edgeguard.core.gate import Eye, Leaving, Way
from edgeguard.core.gate_list import ListKind
from edgeguard.core.ids import CameraName
from edgeguard.core.site import Site

SITE = """[gateway]
site = "lakeside"
id = "b07"
[[bus]]
name = "box"
url = "tcp://10.0.7.9"
[[device]]
name = "io"
bus = "box"
profile = "wellpro-wp8028adam"
address = 1
every = "500ms"
[device.interlock.output_1]
requires = ["input_8 == false"]
[[camera]]
name = "gate-in"
url = "rtsp://10.0.8.31/1"
task = "plates"
[[camera.lane]]
name = "left"
polygon = [[0.1, 0], [0.5, 0], [0.5, 1]]
line = [[0, 0.7], [1, 0.7]]
[[parking.zone]]
name = "yard"
capacity = 12
[[gate]]
name = "main"
open = "io.output_1"
pulse = "1s"
[gate.plates]
entry = ["gate-in/left"]
zone = "yard"
loop = "io.input_2"
kinds = ["police"]
leaving = "anyone"
"""


def load(tmp_path: Path, text: str) -> Site:
    path = tmp_path / "site.toml"
    path.write_text(text, encoding="utf-8")
    return load_site(path)


def test_a_gate_that_opens_by_plates(tmp_path: Path) -> None:
    site = load(tmp_path, SITE)
    rule = site.gates[0].plates
    assert rule is not None
    assert rule.eyes == (Eye(CameraName("gate-in"), Way.IN, "left"),)
    assert (rule.zone, str(rule.loop), rule.leaving, rule.kinds) == ("yard", "io.input_2", Leaving.ANYONE, frozenset({"police"}))
    assert ListKind.BLOCKED not in rule.opens
    (zone,) = site.parking.zones
    assert (zone.capacity, zone.when_full) == (12, frozenset({ListKind.RESIDENT, ListKind.SERVICE}))
    (lane,) = site.cameras[0].lanes
    assert (lane.name, lane.line) == ("left", ((0.0, 0.7), (1.0, 0.7)))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('entry = ["gate-in/left"]', 'entry = ["gate-on"]', 'gate[0].plates.entry[0]: there is no camera "gate-on"'),
        ("gate-in/left", "gate-in/lft", 'gate[0].plates.entry[0]: camera gate-in has no lane "lft" (did you mean "left"?)'),
        ('entry = ["gate-in/left"]\n', "", "gate[0].plates: names no camera"),
        ('zone = "yard"', 'zone = "roof"', 'gate[0].plates.zone: there is no zone "roof"'),
        ("io.input_2", "io.input_9", 'gate[0].plates.loop: device io has no polled point "input_9"'),
        ('["police"]', '["polic"]', 'gate[0].plates.kinds[0]: "polic" is no kind of plate (did you mean "police"?)'),
        ('leaving = "anyone"', 'opens = ["blocked"]', "gate[0].plates.opens: no gate opens for blocked plates"),
        ('leaving = "anyone"', "min_confidence = 0.2", "gate[0].plates.min_confidence:"),
        ('zone = "yard"\n', "anti_passback = true\n", "gate[0].plates.anti_passback: needs a zone"),
        ('loop = "io.input_2"', 'loop_stuck = "1m"', "gate[0].plates.loop_stuck: does nothing without loop"),
        ('kinds = ["police"]', 'loop_stuck = "5s"', "gate[0].plates.loop_stuck: is out of range: 30s to 30m"),
        ("capacity = 12", "capacity = 0", "parking.zone[0].capacity:"),
        ("[[parking.zone]]", '[parking]\ntimezone = "Mars/North"\n[[parking.zone]]', 'parking.timezone: "Mars/North"'),
        ("line = [[0, 0.7], [1, 0.7]]", "line = [[0, 0.7], [0, 0.7]]", "camera[0].lane[0].line: goes from a point to the same"),
        ("[0.5, 1]]", "[0.9, 0]]", "polygon: needs three corners or more, which are not on one line"),
        ('name = "left"', 'name = "left"\nlength = 3', "camera[0].lane[0].length: unknown key"),
    ],
)
def test_every_mistake_is_told_at_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in SITE
    with pytest.raises(ConfigError) as error:
        load(tmp_path, SITE.replace(old, new, 1))
    (told,) = [line for line in error.value.mistakes if said in line] or [str(error.value.mistakes)]
    number = int(told.split(":")[1])
    wanted = SITE.replace(old, new, 1).splitlines()[number - 1]
    assert said in told
    assert any(line in wanted for line in new.splitlines() or ["[gate.plates]"])


def test_a_loop_that_is_polled_so_seldom_that_nobody_ever_knows_it_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        load(tmp_path, SITE.replace('every = "500ms"', 'every = "5s"'))
    (told,) = error.value.mistakes
    assert "gate[0].plates.loop: io is polled every 5 s, and what a loop showed 5 s ago is not known any more" in told


def test_what_is_wrong_with_the_gate_hides_nothing_that_is_wrong_with_its_plates(tmp_path: Path) -> None:
    wrong = SITE.replace("io.output_1", "io.output_99").replace("io.input_2", "io.input_9").replace("gate-in/left", "gate-on")
    with pytest.raises(ConfigError) as error:
        load(tmp_path, wrong)
    assert [line.split(": ")[1] for line in error.value.mistakes] == [
        "gate[0].open",
        "gate[0].plates.entry[0]",
        "gate[0].plates.loop",
    ]


SECOND = """[[gate]]
name = "side"
open = "io.output_2"
pulse = "1s"
[gate.plates]
loop = "io.input_3"
entry = """


@pytest.mark.parametrize(("eye", "wrong"), [("gate-in/left", True), ("gate-in", True), ("gate-in/right", False)])
def test_no_vehicle_opens_two_gates(tmp_path: Path, eye: str, wrong: bool) -> None:
    right = SITE.replace(
        "[[parking.zone]]", '[[camera.lane]]\nname = "right"\npolygon = [[0.5, 0], [1, 0], [1, 1]]\n[[parking.zone]]'
    )
    locked = right.replace("[[camera]]", '[device.interlock.output_2]\nrequires = ["input_8 == false"]\n[[camera]]', 1)
    text = locked + SECOND + f'["{eye}"]\n'
    if wrong:
        with pytest.raises(ConfigError, match="looks at gate main already, and one vehicle would open both"):
            load(tmp_path, text)
    else:
        assert len(load(tmp_path, text).gates) == 2


def test_a_lane_of_a_camera_that_is_an_entry_altogether_is_no_exit(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="looks at this gate already"):
        load(tmp_path, SITE.replace('entry = ["gate-in/left"]', 'entry = ["gate-in"]\nexit = ["gate-in/left"]'))


@pytest.mark.parametrize(("written", "ms"), [("", 120_000), ('down_within = "30s"\n', 30_000), ('down_within = "1h"\n', 3_600_000)])
def test_when_an_arm_must_be_down_again(tmp_path: Path, written: str, ms: int) -> None:
    site = load(tmp_path, SITE.replace('pulse = "1s"\n', f'pulse = "1s"\nfeedback = "io.input_3"\n{written}'))
    assert site.gates[0].down_within_ms == ms


@pytest.mark.parametrize("written", ["9s", "61m"])
def test_a_time_to_come_down_is_within_reason(tmp_path: Path, written: str) -> None:
    with pytest.raises(ConfigError, match="10s to 1h"):
        load(tmp_path, SITE.replace('pulse = "1s"\n', f'pulse = "1s"\nfeedback = "io.input_3"\ndown_within = "{written}"\n'))
