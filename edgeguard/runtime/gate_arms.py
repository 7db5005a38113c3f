"""Barriers that do not do what they are told: one that has not opened, one that does not come down again."""

from typing import Final

from edgeguard.core.clock import iso_utc
from edgeguard.core.gate import GateSpec
from edgeguard.core.health import Health
from edgeguard.core.ids import GateName
from edgeguard.core.point import Labels
from edgeguard.rules.arm import Arm, ArmNews, see
from edgeguard.runtime.gate_loop import has_loop, loop_shown, point_shown
from edgeguard.runtime.gates import Gates
from edgeguard.runtime.gateway import Gateway

_NOT_OPENED: Final = Labels(zh="道闸未能打开", en="the barrier did not open")
_OPENED: Final = Labels(zh="道闸恢复正常", en="the barrier opens again")
_STAYS_UP: Final = Labels(zh="道闸抬起后未落下", en="the arm stays up though nothing keeps it there")
_DOWN: Final = Labels(zh="道闸已落下", en="the arm is down again")


class GateArms:
    """All barriers of one daemon."""

    def __init__(self, gateway: Gateway, gates: Gates) -> None:
        self._gateway = gateway
        self._gates = gates
        self._arms: dict[GateName, Arm] = {}
        self._ailing: set[GateName] = set()

    def ended(self, name: GateName, why: str) -> None:
        """An opening has ended: well, or `why` not."""
        if why:
            self._ailing.add(name)
            self._say(name, "not-opened", ok=False, text=_NOT_OPENED, detail=why)
        elif name in self._ailing:
            self._ailing.discard(name)
            self._say(name, "not-opened", ok=True, text=_OPENED)

    def look(self) -> None:
        """What do the inputs show?"""
        for gate in self._gateway.site.gates:
            if gate.feedback is not None:
                self._look(gate)

    def _look(self, gate: GateSpec) -> None:
        now, before = self._gateway.clock.now(), self._arms.get(gate.name, Arm())
        up = point_shown(self._gateway, gate.feedback)
        occupied = has_loop(gate) and loop_shown(self._gateway, gate) is not False
        kept = occupied or self._gates.is_opening(gate.name)
        arm, news = see(before, up, is_kept=kept, now_ms=now.boot_ms, down_within_ms=gate.down_within_ms)
        self._arms[gate.name] = arm
        if news is ArmNews.ROSE:
            self.ended(gate.name, "")
        elif news is ArmNews.STAYS_UP and arm.since_ms is not None:
            since = now.before((now.boot_ms - arm.since_ms) / 1000)
            detail = f"since {iso_utc(since.wall_ms)}" if since.synced else f"for {(now.boot_ms - arm.since_ms) / 1000:.0f} s"
            self._say(gate.name, "stays-up", ok=False, text=_STAYS_UP, detail=detail)
        elif news is ArmNews.CAME_DOWN:
            self._say(gate.name, "stays-up", ok=True, text=_DOWN)

    def _say(self, name: GateName, code: str, *, ok: bool, text: Labels, detail: str = "") -> None:
        self._gateway.pipeline.health(Health(f"gate.{name}", code, ok=ok, text=text, detail=detail))
