"""Every kind of write to devices that refuse, lose, half do or late confirm it: the daemon tells each as exactly that."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from faulty_slave import METER, WATER, FaultySlave, How
from harness import Running, daemon, wait_for

from edgeguard.control import CallRefused, call, methods
from edgeguard.core.fate import Fate

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PROFILE = """
[profile]
name = "rig"
maker = "Test"
model = "rig"
kind = "io"
labels = { zh = "试", en = "rig" }
source = "own"
trust = "none"
[modbus]
timeout = "500ms"
"""
NUMBER = 'table = "holding"\ntype = "uint16"\nwrite = { min = 0, max = 15, harmless = true }\n'
POINTS = (
    ("speed", NUMBER + "address = 10"),
    ("low", NUMBER + "address = 20"),
    ("high", NUMBER + "address = 21"),
    ("mode", NUMBER + "address = 30\nbits = [4, 7]"),
    ("run", 'table = "coil"\nwrite = { harmless = true }\naddress = 5'),
    ("first", 'table = "coil"\nwrite = { harmless = true }\naddress = 40'),
    ("second", 'table = "coil"\nwrite = { harmless = true }\naddress = 41'),
)
SITE = """
[gateway]
site = "test"
id = "g1"
[store]
directory = "{folder}/state"
[control]
socket = "{folder}/control.sock"
[profiles]
directories = ["{folder}/profiles"]
[[bus]]
name = "riser"
port = "{folder}/port"
[[device]]
name = "io"
bus = "riser"
profile = "rig"
address = 3
every = "2s"
[[device]]
name = "meter"
bus = "riser"
profile = "generic-dlt645-2007-single"
address = "{meter}"
every = "30s"
password_file = "{folder}/password"
[device.interlock.relay]
requires = ["io.second == false"]
[[device]]
name = "water"
bus = "riser"
profile = "generic-cjt188-valve-water"
address = "{water}"
every = "30s"
[device.interlock.valve]
requires = ["io.second == false"]
"""
TRIES = 3
Writes = tuple[str, ...]
Turn = tuple[tuple[Writes, Writes], ...]
ALL: tuple[Turn, ...] = (
    ((("io.run=true",), ("io.run=false",)),),
    ((("io.speed=7",), ("io.speed=8",)),),
    ((("io.mode=5",), ("io.mode=9",)),),
    ((("io.low=1", "io.high=2"), ("io.low=3", "io.high=4")),),
    ((("meter.relay=open",), ("meter.relay=closed",)), (("water.valve=closed",), ("water.valve=open",))),
)
"""Coil, register, mask, multiple, relay and valve: what is written and what undoes it. Those of one turn go at once."""
TOLD: dict[How, Fate] = {
    How.OBEYS: Fate.DONE,
    How.REFUSES: Fate.REFUSED,
    How.STUCK: Fate.UNVERIFIED,
    How.DEAF: Fate.LOST,
    How.MUTE: Fate.DONE,
    How.LATE: Fate.DONE,
}


def told(running: Running, writes: Sequence[str]) -> str:
    """The fate of a command, by what the daemon answers the command line."""
    socket = running.folder / "control.sock"
    targets, values = zip(*(one.split("=") for one in writes), strict=True)
    try:
        if len(targets) > 1:
            return call(socket, methods.WRITE_SEVERAL, {"targets": list(targets), "values": list(values), "by": "test"}).fate
        device, point = targets[0].split(".")
        value = json.loads(values[0]) if values[0] in ("true", "false") or values[0].isdigit() else values[0]
        return call(socket, methods.WRITE, {"device": device, "point": point, "value": value, "by": "test"}).fate
    except CallRefused as refused:
        return Fate.REFUSED if refused.code == "write-refused" else str(refused)


def told_of(running: Running, slave: FaultySlave, how: How, several: Sequence[Writes], fate: Fate) -> dict[tuple[str, Writes], str]:
    """The fates of commands that go at once; at most three times, since a machine that stands still for half a second loses answers
    by itself."""
    for _ in range(TRIES):
        slave.how = how
        with ThreadPoolExecutor() as hands:
            fates = list(hands.map(lambda writes: told(running, writes), several))
        slave.how = How.OBEYS
        if set(fates) == {fate}:
            break
    return {(how, writes): fate for writes, fate in zip(several, fates, strict=True)}


def half_of(running: Running, slave: FaultySlave, how: How, writes: Writes, wanted: list[str]) -> list[str]:
    """The fates of the whole and of its parts, as the command line tells them; as often as in `told_of`."""
    for _ in range(TRIES):
        slave.how = how
        answer = running.ask("write", "--yes", *writes)
        assert isinstance(answer, dict)
        slave.how = How.OBEYS
        slave.registers[20:22], slave.coils[40:42] = [0, 0], [0, 0]
        found = [answer["fate"], *(one["fate"] for one in answer["writes"])] if "fate" in answer else [str(answer)]
        if found == wanted:
            break
    return found


def seen(slave: FaultySlave) -> tuple[object, ...]:
    return (slave.coils[5], slave.registers[10], slave.registers[30], *slave.registers[20:22], slave.relay_open, slave.valve_closed)


def test_every_write_is_told_as_what_became_of_it(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    points = "".join(
        f'[[point]]\nname = "{name}"\n{place}\nlabels = {{ zh = "{name}", en = "{name}" }}\n' for name, place in POINTS
    )
    (tmp_path / "profiles" / "rig.toml").write_text(PROFILE + points, encoding="utf-8")
    (tmp_path / "password").write_text("02 000000 00000001\n", encoding="utf-8")
    (tmp_path / "password").chmod(0o600)
    site = SITE.format(folder=tmp_path, meter=METER, water=WATER)
    hasty = {"METER_READ_BACK_S": "6"}
    with FaultySlave(tmp_path / "port") as slave, daemon(tmp_path, site, hasty, synced=True) as running:
        wait_for(lambda: "good" in str(running.ask("read", "io", "water.valve", "meter.relay")), "the first round")
        results: dict[tuple[str, Writes], str] = {}
        for how, fate in TOLD.items():
            for turn in ALL:
                before = seen(slave)
                results |= told_of(running, slave, how, [do for do, _ in turn], fate)
                if how in (How.REFUSES, How.STUCK, How.DEAF):
                    assert seen(slave) == before
                if fate is Fate.DONE:
                    assert seen(slave) != before
                    undone = told_of(running, slave, How.OBEYS, [undo for _, undo in turn], Fate.DONE)
                    assert set(undone.values()) == {Fate.DONE}, undone
        expected = {(how, writes): TOLD[How(how)].value for how, writes in results}
        assert results == expected
        for how, part in ((How.HALF, Fate.UNVERIFIED), (How.HALF_MUTE, Fate.LOST)):
            for writes in (("io.low=5", "io.high=6"), ("io.first=true", "io.second=true")):
                wanted = [Fate.HALF_DONE, Fate.DONE, part]
                assert half_of(running, slave, how, writes, [*map(str, wanted)]) == wanted
