"""What a hint says, in both languages, and the figures that it says it by. Pure.

It says what was seen and when, never what is broken: that is for whoever goes there. A date comes with its interval or not at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from edgeguard.core.clock import iso_utc
from edgeguard.core.hint import Figure, HintReport
from edgeguard.core.maintenance import HintKind, Usage
from edgeguard.core.point import Labels
from edgeguard.rules.gauge import Gauge, GaugeState, limits_of
from edgeguard.rules.hints import Gone, Hint, HintNews, Telling
from edgeguard.rules.judgement import Finding, Seen
from edgeguard.rules.maintenance import CareState, DeviceCare, Interval, usage_name
from edgeguard.rules.wear import Tally

HISTORY_DAYS: Final = 60
_EPOCH: Final = date(1970, 1, 1)


def day_text(day: float) -> str:
    """A day's number as people write it: `2026-11-24`."""
    return (_EPOCH + timedelta(days=round(day))).isoformat()


CHECKS: Final[Mapping[HintKind, Labels]] = {
    HintKind.DOOR_CLOSE_TIME: Labels(
        "检查门地坎与滑轮有无异物和磨损、门机皮带张力、门机参数、重锤或弹簧力",
        "Check sill and rollers for dirt and wear, the belt of the door drive, its parameters, the closing weight or spring",
    ),
    HintKind.DOOR_OPEN_TIME: Labels(
        "检查门机皮带张力、门刀与门锁滚轮间隙、门地坎异物、门机参数",
        "Check the belt of the door drive, the clearance of vane and lock rollers, dirt in the sill, the drive's parameters",
    ),
    HintKind.DOOR_CYCLE_TIME: Labels(
        "检查门是否多次重开、光幕是否脏污、门机与地坎;确认开门保持时间没有改动",
        "Check whether the door reopens often, the light curtain for dirt, door drive and sill; was the dwell time changed",
    ),
    HintKind.LEVELLING: Labels(
        "检查钢丝绳伸长与打滑、制动器间隙、平层感应器位置、编码器;按标准重新测量平层精度",
        "Check ropes for stretch and slip, the brake's clearance, the levelling sensors, the encoder; measure the accuracy",
    ),
    HintKind.START_CURRENT: Labels(
        "检查轴承、联轴器、叶轮卡阻或制动器拖滞、供电电压与三相平衡",
        "Check bearings, coupling, a rubbing impeller or a dragging brake, the supply voltage and its balance",
    ),
    HintKind.PUMP_HEAD: Labels(
        "检查叶轮与口环磨损、吸入管与过滤器堵塞、漏气、出口止回阀内漏;核对流量与压力传感器",
        "Check impeller and wear rings, a clogged strainer or suction, air, the check valve for leaking back; compare the sensors",
    ),
    HintKind.PUMP_POWER: Labels(
        "检查轴承、机械密封、叶轮摩擦、电机绝缘与供电;核对功率测量",
        "Check bearings, shaft seal, a rubbing impeller, the motor and its supply; compare the measurement of power",
    ),
    HintKind.TEMPERATURE: Labels(
        "检查散热风扇、滤网与散热片积尘、端子紧固、环境温度与通风",
        "Check fans, filters and heat sink for dust, terminals for tightness, ventilation and the temperature of the room",
    ),
    HintKind.QUANTITY: Labels("到现场检查该测量值及其传感器", "Check this quantity and its sensor on the spot"),
    HintKind.WEAR: Labels(
        "安排保养,完成后用 edgeguard service 登记", "Plan the service, and record it with edgeguard service when it is done"
    ),
}
USAGES: Final[Mapping[Usage, tuple[Labels, str]]] = {
    Usage.RUN_HOURS: (Labels("运行时间", "Run hours"), "h"),
    Usage.STARTS: (Labels("启动次数", "Starts"), ""),
    Usage.TRIPS: (Labels("运行次数", "Trips"), ""),
    Usage.DOOR_CYCLES: (Labels("开关门次数", "Door cycles"), ""),
}
_GONE: Final[Mapping[Gone, Labels]] = {
    Gone.CAUSE_GONE: Labels("已恢复正常", "it is as it was again"),
    Gone.NOTHING_MEASURED: Labels("已有一个月没有测量值", "nothing has been measured for a month"),
    Gone.SERVICED: Labels("已登记保养", "a service was recorded"),
    Gone.UNDEFINED: Labels("不再监视", "it is not watched any more"),
}


def report_news(care: DeviceCare, state: CareState, name: str, news: HintNews) -> HintReport:
    """The news of a hint, as it is told. `state` is the one after the step that gave the news."""
    return _report(care, state, name, news.hint, news.telling.value, news.gone)


def report_standing(care: DeviceCare, state: CareState) -> tuple[HintReport, ...]:
    """Every hint of a device that people have been told of, as things stand now."""
    return tuple(
        _report(care, state, name, hint, Telling.RAISED.value, None) for name, hint in state.hints if hint.stands
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Said:
    """What is told of one quantity: its name, the sentence, the figures, what to check."""

    kind: HintKind
    text: Labels
    check: Labels
    evidence: Mapping[str, Figure]
    history: tuple[float | None, ...] = ()


def _report(care: DeviceCare, state: CareState, name: str, hint: Hint, telling: str, gone: Gone | None) -> HintReport:
    finding = hint.finding
    said = _said(care, state, name, finding)
    text = said.text
    if gone is not None:
        why = _GONE[gone]
        text = Labels(f"撤销({why.zh}):{text.zh}", f"Withdrawn ({why.en}): {text.en}")
    reach = finding.reach if gone is None else None
    return HintReport(
        id=f"{care.device}.{name}",
        device=care.device,
        kind=said.kind.value,
        state=telling,
        seen=finding.seen.value,
        since=iso_utc(hint.raised_ms or 0),
        onset=day_text(finding.onset_day),
        onset_open=finding.onset_open,
        confidence=round(finding.confidence, 3),
        text=text,
        check=said.check,
        limit_date=None if reach is None else day_text(finding.day + reach.expected),
        earliest=None if reach is None else day_text(finding.day + reach.earliest),
        latest=None if reach is None or reach.latest is None else day_text(finding.day + reach.latest),
        gone=None if gone is None else gone.value,
        snoozed_until=None if hint.snoozed_until is None else day_text(hint.snoozed_until),
        evidence=said.evidence,
        history=said.history,
    )


def _said(care: DeviceCare, state: CareState, name: str, finding: Finding) -> _Said:
    for gauge in care.gauges:
        if gauge.name == name:
            return _of_gauge(gauge, state.gauge(name), finding)
    for interval in care.intervals:
        if usage_name(interval.usage) == name:
            return _of_usage(interval, state.tally(interval.usage), finding)
    kind = next((kind for kind in HintKind if name.startswith(kind.value)), HintKind.QUANTITY)
    return _Said(kind, Labels(name, name), CHECKS[kind], {})


def _of_gauge(gauge: Gauge, state: GaugeState, finding: Finding) -> _Said:
    shown = Scale.of(gauge)
    limits = limits_of(gauge, state)
    limit = min(limits, key=lambda value: abs(value - finding.level), default=finding.level)
    check = gauge.check or CHECKS[gauge.kind]
    reference = state.reference
    evidence: dict[str, Figure] = {
        "level": shown.number(finding.level),
        "limit": shown.number(limit),
        "unit": shown.unit,
        "share": round(finding.share, 3),
        "per_day": shown.fine(finding.slope),
        "per_day_low": shown.fine(finding.slope_low),
        "per_day_high": shown.fine(finding.slope_high),
        "days": finding.days,
    }
    if reference is not None:
        evidence |= {
            "reference": shown.number(reference.level),
            "reference_from": "commissioned" if reference.given else day_text(reference.first_day),
            "reference_to": day_text(reference.last_day),
        }
    history = tuple(None if value is None else shown.number(value) for value in state.values[-HISTORY_DAYS:])
    before = finding.level if reference is None else reference.level
    text = _gauge_text(gauge, shown, finding, before, limit)
    return _Said(gauge.kind, text, check, evidence, history)


@dataclass(frozen=True, slots=True)
class Scale:
    """How a daily figure is shown: a ratio in per cent, a difference from normal with its sign, else in its own unit."""

    times: float
    unit: str
    decimals: int
    signed: bool

    @classmethod
    def of(cls, gauge: Gauge) -> "Scale":
        """That of a gauge."""
        if gauge.mapped and gauge.ratio:
            return cls(100.0, "%", 1, signed=False)
        return cls(1.0, gauge.unit, gauge.decimals, signed=gauge.mapped)

    def number(self, value: float) -> float:
        """Rounded as it is shown."""
        return round(value * self.times, self.decimals)

    def fine(self, value: float) -> float:
        """Rounded for a change per day, which is small."""
        return round(value * self.times, self.decimals + 3)

    def text(self, value: float) -> str:
        """With its unit."""
        sign = "+" if self.signed else ""
        return f"{value * self.times:{sign}.{self.decimals}f} {self.unit}".rstrip()


def _gauge_text(gauge: Gauge, shown: Scale, finding: Finding, before: float, limit: float) -> Labels:
    """The sentence: what went from where to where since when, how far that is, and what comes next."""
    grown = finding.level >= before
    verb_zh, verb_en = _VERBS[finding.seen]
    side_zh, side_en = ("上升", "up") if grown else ("下降", "down")
    onset = day_text(finding.onset_day)
    since_zh = f"自 {onset} {'之前' if finding.onset_open else ''}".rstrip()
    since_en = f"since {'before ' if finding.onset_open else ''}{onset}"
    told = gauge.mapped and gauge.kind not in (HintKind.PUMP_HEAD, HintKind.PUMP_POWER)
    against_zh, against_en = ("同工况下", ", at the same operating point,") if told else ("", "")
    share = round(100 * finding.share)
    zh = f"{gauge.labels.zh}{against_zh}{since_zh}起{verb_zh}{side_zh}:{shown.text(before)} → {shown.text(finding.level)}"
    en = f"{gauge.labels.en}{against_en} has {verb_en} {side_en} {since_en}, "
    en += f"from {shown.text(before)} to {shown.text(finding.level)}"
    if finding.seen is Seen.PASSED:
        return Labels(f"{zh};已超过限值 {shown.text(limit)}", f"{en}; it is beyond its limit of {shown.text(limit)}")
    zh += f",已走完到限值 {shown.text(limit)} 的 {share} %"
    en += f", {share} % of the way to its limit of {shown.text(limit)}"
    coming = _coming(finding)
    return Labels(f"{zh};{coming.zh}", f"{en}; {coming.en}")


_VERBS: Final[Mapping[Seen, tuple[str, str]]] = {
    Seen.TREND: ("持续", "been going"),
    Seen.DRIFT: ("缓慢", "crept"),
    Seen.STEP: ("突然", "stepped"),
    Seen.PASSED: ("", "gone"),
    Seen.USAGE: ("", "gone"),
}


def _coming(finding: Finding) -> Labels:
    """When the limit will be met, in words that promise no more than the interval does."""
    reach = finding.reach
    if reach is None:
        return Labels("无法推算到限日期", "no date can be told")
    day, early = day_text(finding.day + reach.expected), day_text(finding.day + max(0.0, reach.earliest))
    if reach.latest is None:
        return Labels(f"预计约 {day} 到限,最早 {early}", f"at this pace it gets there about {day}, not before {early}")
    late = day_text(finding.day + reach.latest)
    return Labels(f"预计约 {day} 到限({early} 至 {late})", f"at this pace it gets there about {day} (between {early} and {late})")


def _of_usage(interval: Interval, tally: Tally, finding: Finding) -> _Said:
    labels, unit = USAGES[interval.usage]
    used, length = f"{tally.used:.0f}", f"{interval.length:.0f} {unit}".rstrip()
    since = day_text(finding.onset_day)
    ours_zh, ours_en = ("(产品默认周期)", " (our own default)") if interval.assumed else ("", "")
    zh = f"{labels.zh}:自 {since} 起已用 {used} / {length}{ours_zh}"
    en = f"{labels.en}: {used} of {length}{ours_en} used since {since}"
    if finding.seen is Seen.PASSED:
        zh, en = f"{zh},保养周期已到", f"{en}; the service is due"
    else:
        coming = _coming(finding)
        zh, en = f"{zh};{coming.zh}", f"{en}; {coming.en}"
    if tally.breaks:
        zh += f"(计数器中断 {tally.breaks} 次,实际可能更多)"
        en += f" (the counter broke off {tally.breaks} times: it may be more)"
    evidence: dict[str, Figure] = {
        "usage": interval.usage.value,
        "used": round(tally.used, 1),
        "interval": interval.length,
        "interval_assumed": interval.assumed,
        "counted_here": interval.counted_here,
        "unit": unit,
        "share": round(finding.share, 3),
        "per_day": round(finding.slope, 3),
        "per_day_low": round(finding.slope_low, 3),
        "per_day_high": round(finding.slope_high, 3),
        "days": finding.days,
        "breaks": tally.breaks,
    }
    return _Said(HintKind.WEAR, Labels(zh, en), CHECKS[HintKind.WEAR], evidence)
