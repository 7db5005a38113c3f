"""Drivers of other packages: a small distribution put on the path, and all the ways in which one can be broken."""

import asyncio
import random
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgeguard.config import load_profile, load_site
from edgeguard.config.profiles import ProfileLibrary
from edgeguard.core.clock import Stamp
from edgeguard.core.errors import ConfigError, Permanent
from edgeguard.core.ids import BootId
from edgeguard.driver import Device, build_device
from edgeguard.runtime.supervisor import Supervisor
from edgeguard.testing.bus import FakeBus

GOOD = """
    from edgeguard.bus import Priority
    from edgeguard.core.errors import ConfigError
    from edgeguard.core.snapshot import Snapshot
    from edgeguard.driver import DeviceStats, WriteResult

    class Sensor:
        refused, requests_per_round, stats = {}, 1, DeviceStats()

        def __init__(self, spec, bus, clock):
            self.name, self.spec, self.points, self._clock = spec.name, spec, spec.profile.points, clock
            self._channel = spec.profile.limits.settings["channel"]

        async def poll(self, priority=Priority.ROUTINE):
            values = tuple(self._channel + place["item"] for place in self.spec.profile.places)
            return Snapshot(self.name, self._clock.now(), self.points, values, True)

        async def probe(self):
            return await self.poll()

        async def read(self, names, priority=Priority.PERSON):
            return await self.poll()

        async def write(self, name, value, priority=Priority.PERSON):
            return WriteResult(value, value, True)

    class Driver:
        edgeguard_driver = 1

        def make_device(self, spec, bus, clock):
            if spec.address == 9:
                raise ConfigError((f"device {spec.name}: there is no station 9",))
            return Sensor(spec, bus, clock)

    driver = Driver()
"""
PROFILE = """\
[profile]
name = "acme-sensor"
maker = "Acme"
model = "S1"
kind = "other"
protocol = "acme-bus"
labels = { zh = "传感器", en = "Sensor" }
source = "the maker"
trust = "fair"
[driver]
settings = { channel = 100 }
timeout = "2s"
[[point]]
name = "a"
at = { item = 1 }
labels = { zh = "甲", en = "A" }
[[point]]
name = "b"
at = { item = 2 }
labels = { zh = "乙", en = "B" }
"""
SITE = """\
[gateway]
site = "s"
id = "g"
[profiles]
directories = ["{folder}"]
[[bus]]
name = "riser"
url = "tcp://127.0.0.1:502"
[[device]]
name = "sensor-1"
bus = "riser"
profile = "acme-sensor"
address = {address}
every = "2s"
points = ["b"]
"""
Install = Callable[[str], None]


class StillClock:
    """Nothing here depends on the time."""

    def now(self) -> Stamp:
        return Stamp(wall_ms=0, boot_ms=0, boot=BootId("b"), synced=True)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Put a distribution with this code on the path, as pip would leave it: a module and its metadata."""

    def put(code: str, name: str = "acme-driver") -> None:
        folder = tmp_path / "site-packages"
        metadata = folder / f"{name.replace('-', '_')}-1.2.dist-info"
        metadata.mkdir(parents=True)
        (folder / "acme_edgeguard.py").write_text(textwrap.dedent(code), encoding="utf-8")
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n", encoding="utf-8")
        entry = "[edgeguard.drivers]\nacme-bus = acme_edgeguard:driver\n"
        (metadata / "entry_points.txt").write_text(entry, encoding="utf-8")
        monkeypatch.syspath_prepend(str(folder))

    yield put
    sys.modules.pop("acme_edgeguard", None)


def device(tmp_path: Path, address: int = 3) -> Device:
    """As a site makes it: the whole configuration is fine whatever the package is like."""
    profiles = tmp_path / "profiles"
    profiles.mkdir(exist_ok=True)
    (profiles / "acme-sensor.toml").write_text(PROFILE, encoding="utf-8")
    (tmp_path / "site.toml").write_text(SITE.format(folder=profiles, address=address), encoding="utf-8")
    (spec,) = load_site(tmp_path / "site.toml").devices
    return build_device(spec, FakeBus(), StillClock())


async def test_a_driver_of_another_package_polls_its_device(tmp_path: Path, install: Install) -> None:
    made = device(tmp_path)
    assert (made.requests_per_round, dict(made.refused), made.stats.polls) == (1, {}, 0)
    install(GOOD)  # after the device was built: nothing is looked up before the first request
    snapshot = await made.poll()
    assert (snapshot.outcomes, [point.name for point in snapshot.points]) == ((102,), ["b"])
    assert (await made.probe()).answered
    assert (await made.write(made.points[0].name, 5)).verified


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("import nothing_of_this_name", "acme-driver 1.2: its driver acme_edgeguard:driver cannot be loaded: ModuleNotFoundError"),
        ("driver = (", "acme-driver 1.2: its driver acme_edgeguard:driver cannot be loaded: SyntaxError"),
        ("drivers = 1", "acme-driver 1.2: its driver acme_edgeguard:driver cannot be loaded: AttributeError"),
        (
            GOOD.replace("edgeguard_driver = 1", "edgeguard_driver = 2"),
            "acme-driver 1.2: its driver keeps contract 2",
        ),
        (GOOD.replace("make_device", "make_it"), "acme-driver 1.2: its driver acme_edgeguard:driver has no make_device"),
        (GOOD.replace('["channel"]', '["kanal"]'), "acme-driver 1.2: cannot make device sensor-1: KeyError: 'kanal'"),
        (GOOD.replace("self.points, values", "(), ()"), "device sensor-1: its driver gives other columns than the profile has"),
    ],
)
async def test_a_broken_one_is_named(tmp_path: Path, install: Install, code: str, sentence: str) -> None:
    install(code)
    with pytest.raises(ConfigError) as caught:
        await device(tmp_path).poll()
    assert caught.value.mistakes[0].startswith(sentence)


async def test_none_two_and_a_refused_address(tmp_path: Path, install: Install) -> None:
    with pytest.raises(ConfigError, match='no installed package speaks "acme-bus"'):
        await device(tmp_path).poll()
    install(GOOD)
    with pytest.raises(ConfigError, match=r"acme-driver 1\.2: device sensor-1: there is no station 9"):
        await device(tmp_path, address=9).poll()
    install(GOOD, "zebra-driver")  # type: ignore[call-arg]
    with pytest.raises(ConfigError, match=r'more than one package speaks "acme-bus": acme-driver 1\.2, zebra-driver 1\.2'):
        await device(tmp_path).poll()


async def test_a_broken_one_parks_its_device_alone(tmp_path: Path, install: Install) -> None:
    install("import nothing_of_this_name")
    broken, others = device(tmp_path), asyncio.Event()
    supervisor = Supervisor(lambda _: None, random.Random(1))

    async def poll() -> None:
        await broken.poll()

    async def other() -> None:
        others.set()
        await asyncio.Event().wait()

    supervisor.start("device.sensor-1", poll)
    supervisor.start("device.meter-1", other)
    async with asyncio.timeout(10):
        await others.wait()
        while not supervisor.parked:
            await asyncio.sleep(0)
    assert supervisor.parked == {"device.sensor-1"}
    await supervisor.stop_all()
    assert issubclass(ConfigError, Permanent)


def test_profiles_are_found_where_the_owner_drops_them(tmp_path: Path) -> None:
    (tmp_path / "acme-sensor.toml").write_text(PROFILE, encoding="utf-8")
    assert "acme-sensor" in ProfileLibrary.at_hand(local=tmp_path).names()
    assert ProfileLibrary.at_hand(local=tmp_path / "none").names() == ProfileLibrary.shipped().names()


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('[driver]\nsettings = { channel = 100 }\ntimeout = "2s"\n', "", '"acme-bus" is none of modbus, dlt645, cjt188'),
        ('"acme-bus"', '"modbus"', 'makes no sense for protocol = "modbus"'),
        ("at = { item = 1 }", "address = 1", "unknown key"),
        ("at = { item = 1 }", "range = [2, 1]", "[2, 1] must be [least, most]"),
        ("at = { item = 1 }", 'kind = "boolean"\nunit = "V"', "makes no sense for a boolean point"),
        ("at = { item = 1 }", "write = {}", "a number that can be written needs both min and max"),
    ],
)
def test_mistakes_in_such_a_profile(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    path = tmp_path / "acme-sensor.toml"
    path.write_text(PROFILE.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_profile(path)
    assert any(sentence in line for line in caught.value.mistakes)
