"""Scans through the daemon: begun, followed, stopped; known devices are left alone, polls go on, nothing is written."""

import asyncio
from pathlib import Path

import pytest
from runtime_kit import House, call, device, living, site

from edgeguard.config import shipped_configs
from edgeguard.control import BadArguments, UnknownName
from edgeguard.control.scan_views import ScanView
from edgeguard.core.limits import SCAN_KEEPS_S
from edgeguard.core.profile import DeviceProfile
from edgeguard.runtime.scan_handlers import ScanUnderWay, known_profiles
from edgeguard.testing.clock import FakeClock, run_virtual
from edgeguard.testing.shipped import shipped_profiles


@pytest.fixture(autouse=True)
def _few_profiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading files takes a thread, which a virtual loop does not wait for."""

    async def at_once(_read: object, *_devices: object) -> list[DeviceProfile]:
        return [shipped_profiles().get("eastron-sdm120")]

    monkeypatch.setattr(asyncio, "to_thread", at_once)


async def ended(house: House) -> ScanView:
    asked = -1
    while True:
        view = await house.handlers.table()["scan-progress"](call("scan-progress", bus="riser-a", asked=asked))
        assert isinstance(view, ScanView)
        if view.ended:
            return view
        await asyncio.sleep(0)
        asked = view.asked


async def start(house: House, units: str = "1-6") -> ScanView:
    return await house.handlers.table()["scan-start"](call("scan-start", bus="riser-a", units=units))  # type: ignore[return-value]


def test_a_scan_finds_what_is_not_configured_yet_and_writes_nothing() -> None:
    clock = FakeClock()

    async def main() -> None:
        async with living(clock, site(device("pump-1", "riser-a", 1))) as house:
            house.unit("riser-a", 3)
            before = len(house.bus("riser-a").sent)
            begun = await start(house)
            assert (begun.asked, begun.questions, begun.ended) == (0, 5, "")
            with pytest.raises(ScanUnderWay):
                await start(house)
            view = await ended(house)
            assert [(found.protocol, found.address) for found in view.found] == [("modbus", "3")]
            assert (view.ended, view.asked) == ("complete", 5)
            asked = house.bus("riser-a").sent[before:]
            assert {unit for unit, _ in asked} >= {2, 3, 4, 5, 6}
            assert 1 not in {unit for unit, _ in asked}
            assert house.writes("riser-a") == []
            assert (await start(house)).ended == ""
            assert (await ended(house)).ended == "complete"

    run_virtual(main(), clock)


def test_a_configured_device_that_is_silent_is_asked_for_at_other_settings_too() -> None:
    clock = FakeClock()

    async def main() -> None:
        async with living(clock, site(device("pump-1", "riser-a", 1, period_ms=1000))) as house:
            pump = house.unit("riser-a", 1)
            pump.silent = True
            await asyncio.sleep(30)
            begun = await start(house)
            assert begun.questions == 6
            pump.silent = False
            view = await ended(house)
            assert [(found.address, found.configured) for found in view.found] == [("1", "pump-1")]

    run_virtual(main(), clock)


def test_of_two_scans_begun_in_one_breath_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock()

    async def slowly(_read: object, *_devices: object) -> list[DeviceProfile]:
        await asyncio.sleep(0.1)
        return [shipped_profiles().get("eastron-sdm120")]

    monkeypatch.setattr(asyncio, "to_thread", slowly)

    async def main() -> None:
        async with living(clock, site(device("pump-1", "riser-a", 1))) as house:
            outcomes = await asyncio.gather(start(house), start(house), return_exceptions=True)
            assert [type(outcome) for outcome in outcomes] == [ScanView, ScanUnderWay]
            assert (await ended(house)).ended == "complete"

    run_virtual(main(), clock)


def test_a_scan_can_be_stopped_and_one_that_nobody_watches_stops_by_itself() -> None:
    clock = FakeClock()

    async def main() -> None:
        async with living(clock, site(device("pump-1", "riser-a", 1))) as house:
            await start(house, "1-247")
            await asyncio.sleep(2)
            view = await house.handlers.table()["scan-stop"](call("scan-stop", bus="riser-a"))
            assert isinstance(view, ScanView)
            assert view.ended == "stopped"
            assert view.asked < view.questions
            await start(house, "1-247")
            await asyncio.sleep(SCAN_KEEPS_S * 2 + 2)
            assert (await ended(house)).ended == "stopped"

    run_virtual(main(), clock)


def test_the_site_s_own_profiles_are_compared_with_and_a_broken_one_stops_nothing(tmp_path: Path) -> None:
    shipped = shipped_configs() / "profiles"
    text = (shipped / "eastron-sdm120.toml").read_text(encoding="utf-8")
    (tmp_path / "our-sdm120.toml").write_text(text.replace('"eastron-sdm120"', '"our-sdm120"'), encoding="utf-8")
    (tmp_path / "broken.toml").write_text("[profile]\n", encoding="utf-8")
    pump = device("pump-1", "riser-a", 1)
    known = {str(profile.name): profile for profile in known_profiles((shipped, tmp_path), (pump,))}
    assert {"our-sdm120", "eastron-sdm630", "generic-cjt188-water", "pump"} <= set(known)
    assert "broken" not in known
    assert "our-sdm120" not in {profile.name for profile in known_profiles((tmp_path / "away",))}


def test_what_makes_no_sense_is_said() -> None:
    clock = FakeClock()

    async def main() -> None:
        async with living(clock, site(device("pump-1", "riser-a", 1))) as house:
            handlers = house.handlers.table()
            for args, error, words in (
                ({"bus": "ghost"}, UnknownName, "there is no bus ghost"),
                ({"bus": "riser-a", "units": "1-x"}, BadArguments, "no range of them"),
                ({"bus": "riser-a", "units": "300"}, BadArguments, "outside of 0 to 255"),
                ({"bus": "riser-a", "baudrates": ("9601",)}, BadArguments, "no speed"),
                ({"bus": "riser-a", "parities": ("X",)}, BadArguments, "no parity"),
                ({"bus": "riser-a", "protocols": ("knx",)}, BadArguments, "no protocol"),
            ):
                with pytest.raises(error, match=words):
                    await handlers["scan-start"](call("scan-start", **args))
            with pytest.raises(UnknownName, match="has not been scanned"):
                await handlers["scan-progress"](call("scan-progress", bus="riser-a"))

    run_virtual(main(), clock)
