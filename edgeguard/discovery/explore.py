"""The scan itself: walks through the questions, looks closer at whatever answers, and may be left at any moment."""

import asyncio
from collections.abc import Collection, Hashable, Sequence
from typing import Final

from edgeguard.bus import Bus
from edgeguard.codec.modbus import GATEWAY_EXCEPTIONS, exception_code
from edgeguard.core.limits import (
    SCAN_FOUND,
    SCAN_METER_PATIENCE_S,
    SCAN_METER_SETTLE_S,
    SCAN_MODBUS_PATIENCE_S,
    SCAN_NETWORK_PATIENCE_S,
    SCAN_NOISES,
    SCAN_SLOW_PATIENCE_S,
)
from edgeguard.core.line import Protocol, Station
from edgeguard.core.profile import DeviceProfile
from edgeguard.core.quality import Fault
from edgeguard.discovery.asker import Asker, Peer, ScanBroken, is_noise
from edgeguard.discovery.duration import Effort, look_s
from edgeguard.discovery.found import Found, Noise, Progress
from edgeguard.discovery.meter_models import MeterLook
from edgeguard.discovery.meter_search import MeterSearch
from edgeguard.discovery.modbus_models import SIGN_OF_LIFE, ModbusLook
from edgeguard.discovery.walk import Question, Walk

_UNLIKELY_UNITS: Final = (247, 213)
"""An endpoint that answers for these too does not look at the unit at all."""
_SILENT_IN_A_ROW: Final = 2
"""On a network a connection is dropped when nothing comes any more: before that somebody is asked who answers."""


class Explorer:
    """One scan. `known`: stations that are configured already and need not be asked; `run` ends when all is asked or `stop`.

    `busy`: the share of the wire's time that polls need.
    """

    def __init__(
        self,
        bus: Bus,
        walk: Walk,
        profiles: Sequence[DeviceProfile],
        known: Collection[tuple[Protocol, Station]] = (),
        busy: float = 0.0,
    ) -> None:
        self._asker = Asker(bus)
        self._walk = walk
        self._profiles = profiles
        self._known = frozenset(known)
        for protocol, station in self._known:
            walk.drop(station, protocol)
        self._questions = walk.left
        self._effort = Effort(busy)
        self._asking_s = self._effort.expected_s(walk.rest_s)
        self._look_s = walk.look_range_s
        self._found: dict[tuple[Protocol, Station], Found] = {}
        self._fingerprints: set[Hashable] = set()
        """Of units: one that does not look at parity answers at every parity, and is one device all the same."""
        self._nobody: bytes | None = None
        """How an endpoint answers in place of units that are not there."""
        self._stand_in: Found | None = None
        """Who answers so: the device, if no other is found."""
        self._noises: list[Noise] = []
        self._doing = ""
        self._ended = ""
        self._stop = False
        self._begun_s = self._ended_s = asyncio.get_running_loop().time()
        self._silent = 0

    @property
    def progress(self) -> Progress:
        """How far it is, and what it has found."""
        now_s = self._ended_s if self._ended else asyncio.get_running_loop().time()
        walk, effort = self._walk, self._effort
        to_come_s = (0.0, 0.0) if self._ended else (walk.rest_s, walk.looks_s)
        return Progress(
            asked=self._questions - self._walk.left,
            questions=self._questions,
            elapsed_s=now_s - self._begun_s,
            expected_s=effort.expected_s(effort.done_s + sum(to_come_s)),
            asking_s=self._asking_s,
            rest_s=0.0 if self._ended else effort.rest_s(*to_come_s, now_s),
            look_s=self._look_s,
            doing=self._doing,
            found=tuple(self._found.values()),
            noises=tuple(self._noises),
            ended=self._ended,
        )

    def stop(self) -> None:
        """End after the question under way."""
        self._stop = True

    async def run(self) -> None:
        """Ask everything. Never raises for what the line does: `progress.ended` says how it ended."""
        self._begun_s = asyncio.get_running_loop().time()
        ended = "stopped"
        try:
            while not self._stop and len(self._found) < SCAN_FOUND:
                question = self._walk.next()
                if question is None:
                    ended = "complete"
                    break
                await self._ask(question)
        except ScanBroken as broken:
            ended = str(broken) or "the wire is gone"
        finally:
            if self._stand_in is not None and not self._found:
                self._found[self._stand_in.protocol, self._stand_in.station] = self._stand_in
            self._ended_s, self._ended, self._doing = asyncio.get_running_loop().time(), ended, ""

    async def _ask(self, question: Question) -> None:
        place = f" {question.line}" if question.line else ""
        self._doing = f"{question.protocol.value}{place} {question.station}"
        loop = asyncio.get_running_loop()
        self._effort.asked(question.cost_s, loop.time())
        if question.protocol is Protocol.MODBUS:
            await self._ask_unit(question)
        else:
            await self._ask_meters(question)
        self._effort.over(loop.time())

    def _turned_up(self, work_s: float) -> None:
        self._effort.turned_up(work_s, asyncio.get_running_loop().time())

    async def _ask_unit(self, question: Question) -> None:
        patience_s = SCAN_NETWORK_PATIENCE_S if question.line is None else SCAN_MODBUS_PATIENCE_S
        peer = Peer(question.protocol, question.station, question.line)
        late = self._asker.bus.stats.late_answers
        answer = await self._asker.ask(peer, SIGN_OF_LIFE, patience_s)
        if is_noise(answer) or (isinstance(answer, Fault) and self._asker.bus.stats.late_answers > late):
            answer = await self._asker.ask(peer, SIGN_OF_LIFE, SCAN_SLOW_PATIENCE_S)
        if isinstance(answer, Fault):
            if is_noise(answer):
                self._note_noise(question, str(answer))
            self._walk.silent(question)
            await self._keep_alive(question)
            return
        self._silent = 0
        if exception_code(answer) in GATEWAY_EXCEPTIONS or answer == self._nobody:
            self._walk.silent(question)
            return
        self._walk.heard(question)
        self._turned_up(look_s(question.protocol, question.line))
        look = ModbusLook(lambda pdu: self._asker.ask(peer, pdu, SCAN_SLOW_PATIENCE_S))
        scores = await look.identify(self._profiles)
        found = Found(question.protocol, question.station, question.line, said=look.said, scores=scores)
        fingerprint = (question.station, question.line and question.line.baudrate, found.profile, look.fingerprint)
        if fingerprint in self._fingerprints:
            return
        self._fingerprints.add(fingerprint)
        if question.line is None and not self._found and await self._answers_for_all(question, look):
            if exception_code(answer) is None:
                self._walk.drop_group(question.group)
            else:
                # It may be one that refuses in place of units that are not there.
                self._nobody, self._stand_in = answer, found
                return
        self._found[question.protocol, _key(question)] = found

    async def _keep_alive(self, question: Question) -> None:
        """Ask somebody who answers, so that the connection is not taken for dead while absent units are asked."""
        self._silent += 1
        alive = next((found for found in self._found.values() if found.line == question.line), None)
        if question.line is None and alive is not None and self._silent >= _SILENT_IN_A_ROW:
            self._silent = 0
            await self._asker.ask(Peer(alive.protocol, alive.station, None), SIGN_OF_LIFE, SCAN_NETWORK_PATIENCE_S)

    async def _answers_for_all(self, question: Question, look: ModbusLook) -> bool:
        """Many devices with a network socket answer for every unit: that is one device, not 247."""
        for unit in _UNLIKELY_UNITS:
            if unit == question.station:
                return False
            peer = Peer(question.protocol, unit, None)
            answer = await self._asker.ask(peer, SIGN_OF_LIFE, SCAN_NETWORK_PATIENCE_S)
            if isinstance(answer, Fault) or exception_code(answer) in GATEWAY_EXCEPTIONS:
                return False
            other = ModbusLook(lambda pdu, peer=peer: self._asker.ask(peer, pdu, SCAN_SLOW_PATIENCE_S))  # type: ignore[misc]
            await other.identify(())
            if (other.objects, other.server_id) != (look.objects, look.server_id):
                return False
        return True

    async def _ask_meters(self, question: Question) -> None:
        await asyncio.sleep(SCAN_METER_SETTLE_S)
        search = MeterSearch(self._asker, question, self._turned_up)
        stations = await search.stations()
        if search.nameless:
            self._note_noise(question, "a meter answers without telling its address; look at its label")
        for pattern in search.unresolved:
            self._note_noise(question, f"several meters answer to {pattern}")
        if not stations and not search.nameless:
            self._walk.silent(question)
            return
        self._walk.heard(question)
        met = {*self._known, *self._found}
        strangers = [station for station in stations if (question.protocol, station) not in met]
        self._turned_up(len(strangers) * look_s(question.protocol, question.line))
        for station in strangers:
            if self._stop:
                break
            self._doing = f"{question.protocol.value} {question.line} {station}"
            peer = Peer(question.protocol, station, question.line)
            look = MeterLook(
                lambda pdu, peer=peer: self._asker.ask(peer, pdu, SCAN_METER_PATIENCE_S),  # type: ignore[misc]
                question.protocol,
                station,
                question.variant,
            )
            scores = await look.identify(self._profiles)
            self._found[question.protocol, station] = Found(
                question.protocol, station, question.line, question.variant, look.said, scores
            )

    def _note_noise(self, question: Question, heard: str) -> None:
        if len(self._noises) < SCAN_NOISES:
            self._noises.append(Noise(question.protocol, question.station, question.line, heard))


def _key(question: Question) -> Station:
    """Two units of one number may live at different settings of the line; both are devices."""
    return question.station if question.line is None else f"{question.station} {question.line}"
