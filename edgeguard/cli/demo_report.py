"""The summary of a demo and the verdict on it: did telemetry of every device and an alarm go all the way, with no gap?

Pure: what was seen in, words out.
"""

from dataclasses import dataclass, field

from edgeguard.cli.demo_gate_seen import GateSeen
from edgeguard.cli.demo_witness import StreamSeen, Witness
from edgeguard.cli.session import Lang
from edgeguard.core.limits import KILL_AFTER_S


@dataclass(frozen=True, slots=True)
class Ending:
    """How the daemon ended. `exit_code` None: it had to be killed; `early`: it ended before it was told to."""

    exit_code: int | None
    stop_s: float
    early: bool = False


@dataclass(frozen=True, slots=True)
class Summary:
    """What `edgeguard demo --headless --json` prints. Times in seconds since the daemon was started."""

    ok: bool
    reasons: tuple[str, ...]
    seconds: float
    seed: int
    devices: tuple[str, ...]
    devices_missing: tuple[str, ...]
    alarms: tuple[str, ...]
    streams: tuple[StreamSeen, ...]
    first_reading_s: float | None
    first_item_s: float | None
    daemon_exit: int | None
    daemon_stop_s: float
    falls: tuple[str, ...] = ()
    """What the camera before the building saw fall. Not asked for: a slow machine needs longer than a short demo lasts."""
    gate: GateSeen = field(default_factory=lambda: GateSeen(0, 0, 0, 0, ()))
    """Who has passed the gate's camera and who was let in. Not asked for either."""


def judge(
    witness: Witness, wanted: tuple[str, ...], ending: Ending, first_reading_s: float | None, seconds: float, seed: int, lang: Lang
) -> Summary:
    """The summary of what `witness` saw, with a reason in words for everything that went wrong."""
    missing = tuple(name for name in wanted if name not in witness.devices)
    streams = witness.streams()
    reasons = [*_daemon_reasons(ending, lang), *_stream_reasons(streams, lang)]
    if witness.trouble:
        reasons.append(witness.trouble)
    if missing:
        names = ", ".join(missing)
        reasons.append(lang.say(f"没有收到这些设备的数据: {names}", f"no telemetry arrived of: {names}"))
    if not witness.alarms:
        reasons.append(lang.say("没有收到任何报警", "no active alarm arrived"))
    return Summary(
        ok=not reasons,
        reasons=tuple(reasons),
        seconds=round(seconds, 1),
        seed=seed,
        devices=tuple(sorted(witness.devices)),
        devices_missing=missing,
        alarms=tuple(witness.alarms),
        streams=streams,
        first_reading_s=None if first_reading_s is None else round(first_reading_s, 3),
        first_item_s=None if witness.first_item_s is None else round(witness.first_item_s, 3),
        daemon_exit=ending.exit_code,
        daemon_stop_s=round(ending.stop_s, 3),
        falls=tuple(witness.falls),
        gate=witness.gate.seen(),
    )


def _daemon_reasons(ending: Ending, lang: Lang) -> list[str]:
    if ending.early:
        code = ending.exit_code
        return [lang.say(f"守护进程提前退出,代码 {code}", f"the daemon ended by itself, exit code {code}")]
    if ending.exit_code is None:
        limit = f"{KILL_AFTER_S:g} s"
        return [lang.say(f"守护进程未在 {limit} 内停止,已被强制结束", f"the daemon did not stop within {limit} and was killed")]
    if ending.exit_code:
        return [lang.say(f"守护进程退出代码 {ending.exit_code}", f"the daemon ended with exit code {ending.exit_code}")]
    return []


def _stream_reasons(streams: tuple[StreamSeen, ...], lang: Lang) -> list[str]:
    reasons = []
    for stream in streams:
        if stream.gaps:
            first, last = stream.gaps[0]
            reasons.append(
                lang.say(
                    f"{stream.stream} 缺号 {first}-{last} (共 {len(stream.gaps)} 处)",
                    f"{stream.stream}: numbers {first} to {last} are missing ({len(stream.gaps)} gaps)",
                )
            )
    epochs = {stream.epoch for stream in streams}
    if len(epochs) > 1:
        reasons.append(lang.say(f"出现 {len(epochs)} 个 epoch", f"{len(epochs)} epochs were seen where there should be one"))
    return reasons


def in_words(summary: Summary, lang: Lang) -> list[str]:
    """The summary for people, line by line."""
    lines = [
        lang.say(
            f"演示 {summary.seconds:g} 秒,收到 {len(summary.devices)} 台设备的数据",
            f"{summary.seconds:g} s of demo, telemetry of {len(summary.devices)} devices arrived",
        )
    ]
    for stream in summary.streams:
        whole = lang.say("连续", "no gap") if not stream.gaps else lang.say("有缺号", "GAPS")
        numbers = f"{stream.first_seq}-{stream.last_seq}"
        again = lang.say(f"重复 {stream.repeats}", f"{stream.repeats} repeated")
        lines.append(f"  {stream.stream:<10} {stream.items:>6}  {numbers:<14} {whole}, {again}")
    if summary.first_reading_s is not None and summary.first_item_s is not None:
        read, came = f"{summary.first_reading_s:.2f}", f"{summary.first_item_s:.2f}"
        lines.append(
            lang.say(
                f"  首个读数 {read} 秒,首条到达 {came} 秒",
                f"  first reading after {read} s, first item at the broker after {came} s",
            )
        )
    if summary.alarms:
        lines.append(lang.say("  报警: ", "  alarms: ") + ", ".join(summary.alarms))
    lines += [lang.say("  坠落: ", "  fall: ") + fall for fall in summary.falls]
    gate = summary.gate
    if gate.passes or gate.openings:
        zh = f"  大门: 过车 {gate.passes},抬杆 {gate.openings},拒绝 {gate.refused}"
        en = f"  gate: {gate.passes} passed, {gate.openings} opened, {gate.refused} refused"
        lines.append(lang.say(zh, en))
        lines += [f"    {words}" for words in gate.lately]
    lines += [f"✗ {reason}" for reason in summary.reasons]
    if summary.ok:
        lines.append(lang.say("✓ 全程送达", "✓ everything went all the way"))
    return lines
