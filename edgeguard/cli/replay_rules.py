"""`replay-rules`: what the rules would have said of a recording, with other limits than today's."""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog
import typer
from rich.text import Text

from edgeguard.cli.moments import moment_ms
from edgeguard.cli.output import console, print_json, styled, table
from edgeguard.cli.session import Exit, Lang, Session
from edgeguard.cli.text import clean, style, value_text, word
from edgeguard.config import load_site
from edgeguard.core.json_value import JsonValue
from edgeguard.runtime.rule_replay import Replayed, replay_recording

_FOREVER_MS: Final = 1 << 52


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is played on what; `against`: the configuration to compare with."""

    recording: Path
    config: Path
    against: Path | None
    since: str | None
    to: str | None


def replay_rules(session: Session, wanted: Wanted) -> Exit:
    """Print what would have been told, and what differs. Exit 1 when there is nothing in the recording for this site."""
    # What the rules log as they run is told in a table here, and must not stand between the lines of JSON.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    if not wanted.recording.exists():
        raise typer.BadParameter(f"{wanted.recording}: there is no such recording")
    from_ms = 0 if wanted.since is None else moment_ms(wanted.since)
    to_ms = _FOREVER_MS if wanted.to is None else moment_ms(wanted.to)

    def played(config: Path) -> Replayed:
        return replay_recording(load_site(config), wanted.recording, from_ms, to_ms)

    here = played(wanted.config)
    there = None if wanted.against is None else played(wanted.against)
    if session.json:
        print_json(_as_json(here, there))
    else:
        _print(session.lang, wanted, here, there)
    return Exit.FINE if here.rounds else Exit.WRONG


def _as_json(here: Replayed, there: Replayed | None) -> dict[str, JsonValue]:
    shown: dict[str, JsonValue] = {"rounds": here.rounds, "unknown_devices": list(map(str, here.unknown)), "told": list(here.told)}
    if there is not None:
        now, before = here.raised(), there.raised()
        shown["alarms"] = {name: {"here": now[name], "against": before[name]} for name in sorted(now | before)}
    return shown


def _print(lang: Lang, wanted: Wanted, here: Replayed, there: Replayed | None) -> None:
    out = console()
    span = f"{_local(here.first_ms)} – {_local(here.last_ms)}" if here.rounds else lang.say("空", "nothing")
    out.print(lang.say(f"{here.rounds} 轮,{span}", f"{here.rounds} rounds, {span}"))
    if here.unknown:
        names = ", ".join(map(clean, here.unknown))
        out.print(styled(lang.say(f"配置中没有这些设备: {names}", f"not in the configuration: {names}"), "yellow"))
    made = table(lang.say("时间", "time"), lang.say("状态", "state"), lang.say("报警", "alarm"), lang.say("值", "value"))
    for one in here.told:
        if isinstance(one, dict) and "alarm" in one:
            made.add_row(*_row(one, lang))
    out.print(made if made.row_count else lang.say("没有报警变化", "no alarm would have been told"))
    if there is not None and wanted.against is not None:
        _compare(lang, wanted.against, here.raised(), there.raised(), out.print)


def _row(one: dict[str, JsonValue], lang: Lang) -> tuple[str | Text, ...]:
    state, value = str(one["state"]), one.get("value")
    shown = value_text(value, lang) if isinstance(value, bool | int | float | str) else "—"
    at = datetime.fromisoformat(str(one["at"]))
    return f"{at.astimezone():%m-%d %H:%M:%S}", styled(word(state, lang), style(state)), clean(str(one["alarm"])), shown


def _compare(lang: Lang, against: Path, here: Counter[str], there: Counter[str], show: Callable[[object], None]) -> None:
    """Alarms that came more or less often than with the other configuration."""
    differing = [name for name in sorted(here | there) if here[name] != there[name]]
    if not differing:
        show(lang.say(f"与 {against} 没有差别", f"no difference to {against}"))
        return
    made = table(lang.say("报警", "alarm"), lang.say("现在", "here"), lang.say(f"{against}", f"{against}"))
    for name in differing:
        made.add_row(clean(name), str(here[name]), str(there[name]))
    show(made)


def _local(wall_ms: int) -> str:
    return f"{datetime.fromtimestamp(wall_ms / 1000, UTC).astimezone():%Y-%m-%d %H:%M}"
