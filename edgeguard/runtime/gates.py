"""`barrier`: a gate's relay is closed for a moment, past its interlock, and the input says whether it opened.

What is begun is ended: that a relay is to let go is known to the store before it is closed, so that neither a lost answer nor a
crash nor a power cut leaves it closed for good. Letting go needs no condition and obeys no rate; but while a vehicle stands under
the barrier no relay is let go, whatever was to end: a pulse, holding, or what an earlier run of the daemon has left.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

import orjson
import structlog

from edgeguard.bus import ExchangeFailed
from edgeguard.config.mistakes import did_you_mean
from edgeguard.control import Call, UnknownName
from edgeguard.control.command_views import BarrierView
from edgeguard.core.afar_limits import GATE_LET_GO_S, GATE_LET_GO_TRIES
from edgeguard.core.errors import CommandRefused, EdgeguardError, Retryable
from edgeguard.core.fate import Fate
from edgeguard.core.gate import GateSpec
from edgeguard.core.gate_limits import GATE_HOLD_MAX_MS, GATE_LOOP_UNKNOWN_MS
from edgeguard.core.health import Health
from edgeguard.core.ids import GateName
from edgeguard.core.interlock import PointRef
from edgeguard.core.point import Labels
from edgeguard.core.rule_state import RuleState
from edgeguard.runtime.gate_loop import has_loop, loop_shown
from edgeguard.runtime.gate_loops import GateLoops
from edgeguard.runtime.gateway import Gateway
from edgeguard.runtime.writing import End, Wish, Writing
from edgeguard.store import Batch

_log = structlog.get_logger()

OWNER: Final = "gates"
_FEEDBACK_LOOK_S: Final = 0.3
_HELD_LOOK_S: Final = 5.0
_OCCUPIED_LOOK_S: Final = 0.3
_CLOSED: Final = Labels(zh="继电器可能仍吸合", en="the relay may still be closed")
_LET_GO: Final = Labels(zh="继电器已释放", en="the relay has let go")
_OCCUPIED: Final = "a vehicle stands under the barrier: its relay is let go when it has gone"


class Gates:
    """All gates of one daemon; one opening of each at a time."""

    def __init__(self, gateway: Gateway, writing: Writing) -> None:
        self._gateway = gateway
        self._writing = writing
        self.loops = GateLoops(gateway)
        self._turns: defaultdict[GateName, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._closed: dict[GateName, PointRef] = {}
        """Relays that are, or may be, closed."""
        self._held: dict[GateName, int] = {}
        """Those of them that a person keeps closed, with the boot time until which."""
        self._due = asyncio.Event()
        self._unknown_ms: dict[GateName, int] = {}
        """Since when it has been waited for a loop that nobody knows, boot ms."""
        self._stuck: set[GateName] = set()
        """Gates whose relay was told not to let go."""
        self._overruled: set[GateName] = set()
        """Gates whose loop shows a vehicle where somebody sees that there is none, until it is free or the relay is let go."""

    def recall(self, states: Mapping[str, bytes]) -> None:
        """Relays that an earlier run had closed: they are let go as soon as their devices answer."""
        now = self._gateway.clock.now()
        for name, body in states.items():
            with suppress(orjson.JSONDecodeError, KeyError, TypeError):
                told = orjson.loads(body)
                self._closed[GateName(name)] = PointRef(told["device"], told["point"])
                if told.get("boot") == now.boot:
                    self._held[GateName(name)] = int(told["until_ms"])
                self._due.set()

    def keep(self) -> None:
        """Hand what is closed to a store that has begun a new file."""
        if self._closed:
            self._gateway.store.submit(Batch((), states=tuple(self._state(name, ref) for name, ref in self._closed.items())))

    async def run(self) -> None:
        """Let go what could not be let go at once, and what has been held for long enough, for ever."""
        while True:
            with suppress(TimeoutError):
                # Not wait_for, which (in Python 3.11) may swallow the cancelling of who is just woken.
                async with asyncio.timeout(_HELD_LOOK_S if self._held else None):
                    await self._due.wait()
            self._due.clear()
            again_s = 0.0
            for name in tuple(self._closed):
                async with self._turns[name]:
                    if name not in self._closed or self.held_ms(name):
                        continue
                    if self._is_occupied(name):
                        again_s = again_s or _OCCUPIED_LOOK_S
                    elif not await self._let_go(name):
                        again_s = GATE_LET_GO_S
                        self._tell_closed(name, closed=True)
            if again_s:
                self._due.set()
                await asyncio.sleep(again_s)

    def held_ms(self, name: GateName) -> int:
        """How much longer a gate is held open; 0 if it is not."""
        return max(0, self._held.get(name, 0) - self._gateway.clock.now().boot_ms)

    def is_opening(self, name: GateName) -> bool:
        """Whether its relay is closed or held, or about to be."""
        return name in self._closed or self._turns[name].locked()

    async def open(self, call: Call) -> BarrierView:
        """Open a gate. UnknownName, CommandRefused or WriteRefused if nothing moved; Retryable if nobody knows."""
        return await self.open_gate(call.text("gate"), call.author)

    async def open_gate(self, name: str, by: str, acted: Callable[[], None] = lambda: None) -> BarrierView:
        """The same for whoever asks; `acted` is called when the relay has been closed."""
        gate = self.find(name)
        self._refuse_if_busy(gate)
        if self.held_ms(gate.name):
            raise CommandRefused("held", f"gate {gate.name} is held open")
        async with self._turns[gate.name]:
            self._refuse_if_too_soon(gate)
            ends = await self._begin(gate, by)
            acted()
            try:
                await asyncio.sleep((gate.pulse_ms or 0) / 1000)
            finally:
                await self._end_pulse(gate)
            shown = await self._shown(gate)
        return _view(gate, ends, shown, closed=gate.name in self._closed and not self._is_occupied(gate.name))

    async def hold(self, name: str, by: str, lasts_ms: int) -> BarrierView:
        """Open a gate and keep it open for a while, over restarts; a further call changes for how long. Refusals as `open`."""
        gate = self.find(name)
        if gate.pulse_ms is None:
            raise CommandRefused(
                "cannot-hold", f"the device of gate {gate.name} lets go by itself: without pulse it cannot be held open"
            )
        if not 0 < lasts_ms <= GATE_HOLD_MAX_MS:
            raise CommandRefused("too-long", f"a gate is held open for {GATE_HOLD_MAX_MS // 3_600_000} h at most")
        self._refuse_if_busy(gate)
        async with self._turns[gate.name]:
            before_ms = self._held.get(gate.name, 0) if self.held_ms(gate.name) else 0
            self._held[gate.name] = self._gateway.clock.now().boot_ms + lasts_ms
            try:
                if before_ms:
                    await self._remember(gate)
                    return BarrierView(gate.name, None, verified=True, detail="held open")
                ends = await self._begin(gate, by)
            except BaseException:
                self._held.pop(gate.name, None)
                if before_ms:
                    self._held[gate.name], self._closed[gate.name] = before_ms, gate.open
                raise
            self._due.set()
            shown = await self._shown(gate)
        return _view(gate, ends, shown, closed=False)

    async def release(self, name: str, *, over_loop: bool = False) -> BarrierView:
        """End holding; with `over_loop` let go whatever keeps the relay closed, though the loop shows a vehicle.

        CommandRefused if it is not held open; Retryable if the relay does not let go yet, which is tried on.
        """
        gate = self.find(name)
        self._refuse_if_busy(gate)
        if not self.held_ms(gate.name) and not (over_loop and gate.name in self._closed):
            raise CommandRefused("not-held", f"gate {gate.name} is not held open")
        async with self._turns[gate.name]:
            self._held.pop(gate.name, None)
            if over_loop:
                self._overruled.add(gate.name)
            await self._end_pulse(gate)
        if gate.name in self._closed and self._is_occupied(gate.name):
            raise Retryable(_OCCUPIED)
        if gate.name in self._closed:
            raise Retryable(f"the relay of gate {gate.name} has not let go; it is tried again every {GATE_LET_GO_S:g} s")
        return BarrierView(gate.name, None, verified=True, detail="released")

    async def _begin(self, gate: GateSpec, by: str) -> End:
        """Close the relay, which is known before to be let go; raises if nothing was done."""
        await self._remember(gate)
        try:
            ends = await self._write(gate.open, True, by)
        except EdgeguardError:
            await self._forget(gate.name)  # nothing was tried
            raise
        except asyncio.CancelledError:
            await self._end_pulse(gate)
            raise
        if not ends.fate.acted:
            await self._forget(gate.name)
            raise ends.error or CommandRefused(ends.fate.value, ends.detail)
        self._count(gate)
        return ends

    def _refuse_if_busy(self, gate: GateSpec) -> None:
        if self._turns[gate.name].locked():
            raise CommandRefused("busy", f"gate {gate.name} is being opened")

    def find(self, name: str) -> GateSpec:
        """A gate by its name. CommandRefused if there is none at all, UnknownName if not this one."""
        gates = self._gateway.site.gates
        if not gates:
            raise CommandRefused("no-gate", "no gate is configured: [[gate]]")
        found = next((gate for gate in gates if gate.name == name), None)
        if found is None:
            raise UnknownName(f"there is no gate {name}{did_you_mean(name, (gate.name for gate in gates))}")
        return found

    def _refuse_if_too_soon(self, gate: GateSpec) -> None:
        earlier_ms = self._gateway.rates.earlier(_rate(gate))
        left_ms = gate.min_interval_ms - (self._gateway.clock.now().boot_ms - earlier_ms[-1]) if earlier_ms else 0
        if left_ms > 0:
            raise CommandRefused("too-soon", f"gate {gate.name} was opened lately; again in {left_ms / 1000:.1f} s")

    def _count(self, gate: GateSpec) -> None:
        """It was opened now, which counts on over a restart."""
        self._gateway.rates.count(_rate(gate))
        self._gateway.store.submit(Batch((), states=(self._gateway.rates.state(_rate(gate)),)))

    async def _write(self, ref: PointRef, value: bool, by: str, release: bool = False) -> End:
        (end,) = await self._writing.carry_out((Wish(ref.device, ref.point, value, release),), by, urgent=True)
        return end

    async def _remember(self, gate: GateSpec) -> None:
        """Before the relay closes: a start after a crash will let it go. A disk that takes nothing shuts nobody in or out."""
        if gate.pulse_ms is None:
            return
        self._closed[gate.name] = gate.open
        await self._writing.record_first.within(Batch((), states=(self._state(gate.name, gate.open),)))

    async def _end_pulse(self, gate: GateSpec) -> None:
        """Let go, a few times if need be; what does not succeed now is tried on in the background."""
        if gate.name not in self._closed:
            return
        if self._is_occupied(gate.name):
            self._due.set()
            return
        for _ in range(GATE_LET_GO_TRIES):
            if await self._let_go(gate.name):
                return
        self._due.set()
        self._tell_closed(gate.name, closed=True)

    def _tell_closed(self, name: GateName, *, closed: bool) -> None:
        """Once when a relay does not let go, and once when it has."""
        if closed is (name in self._stuck):
            return
        (self._stuck.add if closed else self._stuck.discard)(name)
        self._gateway.pipeline.health(Health(f"gate.{name}", "relay-closed", ok=not closed, text=_CLOSED if closed else _LET_GO))

    def _is_occupied(self, name: GateName) -> bool:
        """Whether a vehicle stands under the barrier, or may: of a loop that nobody knows that is believed for a while only.

        One that flaps is believed whenever it shows a vehicle: no arm comes down on it.
        """
        gate = next((gate for gate in self._gateway.site.gates if gate.name == name), None)
        if gate is None or not has_loop(gate):
            return False
        shown, now_ms = loop_shown(self._gateway, gate), self._gateway.clock.now().boot_ms
        if shown is not True:
            self._overruled.discard(name)
        if shown is not None:
            self._unknown_ms.pop(name, None)
            return shown and name not in self._overruled
        return now_ms - self._unknown_ms.setdefault(name, now_ms) < GATE_LOOP_UNKNOWN_MS

    async def _let_go(self, name: GateName) -> bool:
        """Whether the relay is known to have let go."""
        ref = self._closed[name]
        try:
            end = await self._write(ref, False, "gateway", release=True)
        except (EdgeguardError, ExchangeFailed) as error:
            _log.warning("gate.held", gate=name, error=str(error))
            return False
        if not end.fate.acted or end.read_back is True:
            return False
        await self._forget(name)
        self._tell_closed(name, closed=False)
        return True

    async def _forget(self, name: GateName) -> None:
        """Letting go once more after a restart would do no harm, so that the disk is not waited for."""
        self._held.pop(name, None)
        self._overruled.discard(name)
        if self._closed.pop(name, None) is not None:
            self._gateway.store.submit(Batch((), states=(RuleState(OWNER, name, b""),)))

    def _state(self, name: GateName, ref: PointRef) -> RuleState:
        told: dict[str, object] = {"device": ref.device, "point": ref.point}
        if name in self._held:
            told |= {"until_ms": self._held[name], "boot": self._gateway.clock.now().boot}
        return RuleState(OWNER, name, orjson.dumps(told))

    async def _shown(self, gate: GateSpec) -> bool | None:
        """Whether the feedback has become true in time; None where there is none."""
        if gate.feedback is None:
            return None
        loop = asyncio.get_running_loop()
        until_s = loop.time() + gate.within_ms / 1000
        while True:
            if await self._is_true(gate.feedback):
                return True
            if loop.time() >= until_s:
                return False
            await asyncio.sleep(_FEEDBACK_LOOK_S)

    async def _is_true(self, ref: PointRef) -> bool:
        try:
            device = self._gateway.field.device(ref.device)
        except KeyError:
            return False
        return (await device.read((ref.point,))).outcomes[0] is True


def _rate(gate: GateSpec) -> str:
    return f"gate {gate.name}"


def _view(gate: GateSpec, end: End, shown: bool | None, closed: bool) -> BarrierView:
    """What is known, in words. Retryable if the pulse may never have come to the device."""
    if shown is None and end.fate is Fate.LOST:
        raise Retryable(f"{end.detail}; without feedback nobody knows whether gate {gate.name} has opened")
    # a box that lets go by itself may have done so before it was asked
    stuck = shown is None and gate.pulse_ms is not None and end.fate is Fate.UNVERIFIED and end.read_back is False
    if stuck:
        seen = "the device confirmed it and shows the relay open: it is stuck, or something else lets it go at once"
    else:
        seen = {True: "opened", False: f"not seen open within {gate.within_ms / 1000:g} s", None: "the relay was closed"}[shown]
    detail = seen + ("; the relay may still be closed" if closed else "")
    return BarrierView(gate.name, shown, verified=shown is not False and not stuck and not closed, detail=detail)
