"""The loops of all barriers: what they show, where they can be believed, and the word where they cannot."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from edgeguard.core.gate import GateSpec
from edgeguard.core.health import Health
from edgeguard.core.ids import GateName
from edgeguard.core.point import Labels
from edgeguard.rules import loop as loops
from edgeguard.rules.loop import Loop, LoopNews
from edgeguard.runtime.gate_loop import loop_shown
from edgeguard.runtime.gateway import Gateway

_STUCK: Final = Labels(
    zh="地感持续被占用:自动放行已暂停,已抬起的道闸不会落下",
    en="the loop shows a vehicle all the time: nothing is opened by plate, and a barrier that is up stays up",
)
_FREE: Final = Labels(zh="地感恢复正常", en="the loop is free again")
_HEALTH: Final[Mapping[LoopNews, tuple[str, bool, Labels]]] = MappingProxyType(
    {
        LoopNews.FLAPS: (
            "loop-flaps",
            False,
            Labels(zh="地感反复跳变:自动放行已暂停", en="the loop comes and goes without a pause: nothing is opened by plate"),
        ),
        LoopNews.STEADY: ("loop-flaps", True, Labels(zh="地感恢复稳定", en="the loop is steady again")),
        LoopNews.SILENT: (
            "loop-silent",
            False,
            Labels(zh="地感无反应:放行车辆均未检测到通过", en="the loop shows none of those who are let in: nobody is counted"),
        ),
        LoopNews.HEARD: ("loop-silent", True, Labels(zh="地感恢复反应", en="the loop shows vehicles again")),
    }
)


class GateLoops:
    """All loops of one daemon."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._loops: dict[GateName, Loop] = {}

    def shown(self, gate: GateSpec) -> bool | None:
        """True while a vehicle stands under it; None if nobody knows, the loop flaps, or the gate has none."""
        now_ms, before = self._gateway.clock.now().boot_ms, self._loops.get(gate.name, Loop())
        loop = self._take(gate.name, loops.see(before, loop_shown(self._gateway, gate), now_ms))
        return None if loop.flaps else loop.busy

    def not_passed(self, name: GateName, who: str) -> None:
        """Somebody was let in, and has not come."""
        self._take(name, loops.not_passed(self._loops.get(name, Loop()), who))

    def stuck(self, name: GateName, *, ok: bool) -> None:
        """It has shown a vehicle for too long, or does so no more."""
        self._gateway.pipeline.health(Health(f"gate.{name}", "loop-stuck", ok=ok, text=_FREE if ok else _STUCK))

    def _take(self, name: GateName, step: loops.Step) -> Loop:
        loop, news = step
        self._loops[name] = loop
        for one in news:
            code, ok, text = _HEALTH[one]
            self._gateway.pipeline.health(Health(f"gate.{name}", code, ok=ok, text=text))
        return loop
