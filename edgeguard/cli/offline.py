"""`check` and `profile`: what can be said of files without a daemon. Each function returns an exit code."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from rich.text import Text

from edgeguard.cli.output import console, print_json, styled, table
from edgeguard.cli.profile_alarms import alarm_table, alarms_of
from edgeguard.cli.profile_worth import known_by, ledger_table, template_warning, worth_facts
from edgeguard.cli.rules import profile_rules, tell_rules
from edgeguard.cli.session import Exit, Lang, Session
from edgeguard.cli.text import clean, label, number, word
from edgeguard.config import ProfileLibrary, load_profile, load_site_with_notes
from edgeguard.config.fit import Lessons, Taught, block_sizes, load_of
from edgeguard.control.views import LabelsView
from edgeguard.core.errors import ConfigError
from edgeguard.core.meter import PartKind
from edgeguard.core.point import Labels, Point
from edgeguard.core.profile import DeviceProfile
from edgeguard.core.register import Table
from edgeguard.core.site import BusSpec, Site

MAKER_FROM_CELLS: Final = 110
"""From this width on `profile list` names maker and model, which the label mostly says, and `profile show` the ranges."""


def check(session: Session, file: Path) -> Exit:
    """Every mistake of a configuration, or what it amounts to; 1 if its devices have proved to be too slow for it."""
    from edgeguard.runtime.limits_memory import remembered

    try:
        loaded = load_site_with_notes(file, remember=remembered)
    except ConfigError as error:
        return _tell_mistakes(session, error.mistakes)
    site, lang = loaded.site, session.lang
    verdict = Exit.WRONG if loaded.over else Exit.FINE
    facts_of = {bus.name: _bus_facts(site, bus, loaded.lessons) for bus in site.buses}
    if session.json:
        print_json({"ok": True, "mistakes": [], "notes": loaded.notes, "buses": list(facts_of.values())})
        return verdict
    out = console()
    points = sum(len(device.profile.points) for device in site.devices)
    summary = lang.say(
        f"{len(site.buses)} 条总线,{len(site.devices)} 台设备,{points} 个点",
        f"buses: {len(site.buses)}, devices: {len(site.devices)}, points: {points}",
    )
    if site.cameras:
        summary += lang.say(f",{len(site.cameras)} 台摄像头", f", cameras: {len(site.cameras)}")
    good, slow = (
        lang.say("配置正确", "is in order"),
        lang.say("没有错误,但设备跟不上", "has no mistake, but its devices are too slow for it"),
    )
    mark = ("! ", "bold yellow") if loaded.over else ("✓ ", "bold green")
    out.print(Text.assemble(mark, (clean(str(file)), "bold"), f" {slow if loaded.over else good}"))
    out.print(f"  {site.site}/{site.gateway}; {summary}")
    for note in loaded.notes:
        out.print(styled(f"! {clean(note, 4000)}", "yellow"))
    figures = tuple(
        lang.say(zh, en)
        for zh, en in (
            ("设备", "devices"),
            ("点", "points"),
            ("请求/轮", "requests/round"),
            ("请求/秒", "requests/s"),
            ("占用", "load"),
        )
    )
    made = table(lang.say("总线", "bus"), *figures, right=figures)
    for name, facts in facts_of.items():
        share = float(facts["load"])
        made.add_row(
            name,
            str(facts["devices"]),
            str(facts["points"]),
            str(facts["requests_per_round"]),
            f"{facts['requests_per_s']:.1f}",
            styled(f"{100 * share:.0f} %", "yellow" if share > 0.8 else ""),
        )
    if site.buses:
        out.print()
        out.print(made)
    return verdict


def _bus_facts(site: Site, bus: BusSpec, lessons: Lessons) -> dict[str, str | int | float]:
    devices = [device for device in site.devices if device.bus == bus.name]
    load = load_of(bus, devices, lessons)
    return {
        "bus": bus.name,
        "devices": len(devices),
        "points": sum(len(device.profile.points) for device in devices),
        "requests_per_round": sum(len(block_sizes(device.profile, lessons.get(device.name, Taught()))) for device in devices),
        "taught": sum(device.name in lessons for device in devices),
        "requests_per_s": round(load.requests_per_s, 3),
        "load": round(load.share, 4),
    }


def _tell_mistakes(session: Session, mistakes: Sequence[str]) -> Exit:
    if session.json:
        print_json({"ok": False, "mistakes": mistakes, "notes": []})
        return Exit.BAD_USAGE
    out = console()
    for mistake in mistakes:
        out.print(clean(mistake, 4000), soft_wrap=True)
    count = len(mistakes)
    told = session.lang.say(f"✗ {count} 处错误,配置不能使用", f"✗ {count} mistake{'s' * (count != 1)}; nothing of this is used")
    out.print(styled(told, "bold red"))
    return Exit.BAD_USAGE


def schema(session: Session, kind: str) -> Exit:
    """The JSON Schema of a kind of file or MQTT message, or the AsyncAPI document; the same with and without --json."""
    from edgeguard.config.schema import FILES, schema_text
    from edgeguard.uplink import asyncapi

    if kind in FILES:
        sys.stdout.write(schema_text(kind))
        return Exit.FINE
    message = asyncapi.schema_text(kind)
    if message is not None:
        sys.stdout.write(message)
        return Exit.FINE
    known = (*FILES, *asyncapi.kinds())
    told = session.lang.say(f'没有 "{kind}";可用:{"、".join(known)}', f'there is no schema "{kind}": {", ".join(known)}')
    sys.stderr.write(told + "\n")
    return Exit.BAD_USAGE


def profile_list(session: Session, directories: Sequence[Path]) -> Exit:
    """Every profile at hand."""
    library = ProfileLibrary.at_hand(*directories)
    profiles = [library.get(name) for name in library.names()]
    if session.json:
        print_json([_profile_facts(profile) for profile in profiles])
        return Exit.FINE
    out, lang = console(), session.lang
    points, model = lang.say("点", "points"), lang.say("型号", "model")
    wide = out.width >= MAKER_FROM_CELLS
    made = table(
        lang.say("模板", "profile"),
        lang.say("类别", "kind"),
        points,
        lang.say("名称", "name"),
        *((lang.say("厂家", "maker"), model) if wide else ()),
        right=(points,),
        wrap=(lang.say("名称", "name"), model),
    )
    for profile in profiles:
        made.add_row(
            profile.name,
            word(profile.kind, lang) + (lang.say("(模板)", ", template") if profile.template else ""),
            str(len(profile.points)),
            _label(profile.labels, lang),
            *((clean(profile.maker), clean(profile.model)) if wide else ()),
        )
    out.print(made if profiles else lang.say("没有模板", "no profiles"))
    return Exit.FINE


def profile_show(session: Session, name: str, directories: Sequence[Path]) -> Exit:
    """One profile in full: its points, what may be written, its alarms."""
    profile = ProfileLibrary.at_hand(*directories).get(name)
    if session.json:
        print_json(
            {
                **_profile_facts(profile),
                **worth_facts(profile),
                "point_list": [_point_facts(point) for point in profile.points],
                "alarms": alarms_of(profile),
                "rules": profile_rules(profile),
            }
        )
        return Exit.FINE
    lang, out = session.lang, console()
    blocks = len(block_sizes(profile))
    asked = lang.say(f"{len(profile.points)} 个点,每轮 {blocks} 个请求", f"{len(profile.points)} points in {blocks} requests")
    out.print(
        Text.assemble((profile.name, "bold"), f"   {clean(profile.maker)} {clean(profile.model)} ({word(profile.kind, lang)})")
    )
    out.print(f"{_label(profile.labels, lang)}; {asked}")
    out.print(
        styled(
            f"{lang.say('来源', 'source')}: {clean(profile.source)}; {lang.say('可信度', 'trust')}: {clean(profile.trust)}", "dim"
        )
    )
    if profile.template:
        out.print(styled(f"! {template_warning(lang)}", "yellow"))
    if known := known_by(profile, lang):
        out.print(styled(known, "dim"))
    out.print()
    out.print(ledger_table(profile, lang))
    out.print()
    made = table(
        lang.say("点", "point"),
        lang.say("单位", "unit"),
        lang.say("寄存器", "register") if profile.fields else lang.say("数据标识", "data"),
        lang.say("类型", "type"),
        *((lang.say("范围", "range"),) if out.width >= MAKER_FROM_CELLS else ()),
        lang.say("名称", "name"),
        lang.say("可写", "writable"),
        wrap=(lang.say("名称", "name"),),
    )
    for point, (address, type_) in zip(profile.points, _places(profile, lang), strict=True):
        within = (_bounds(point.minimum, point.maximum),) if out.width >= MAKER_FROM_CELLS else ()
        told = (*within, _label(point.labels, lang), _write_rule(point, lang))
        made.add_row(point.name, clean(point.unit), address, type_, *told)
    out.print(made)
    out.print()
    out.print(alarm_table(profile, lang))
    if views := profile_rules(profile):
        out.print()
        tell_rules(lang, views, whole=False)
    return Exit.FINE


_TABLES_ZH: Final[Mapping[Table, str]] = MappingProxyType(
    {Table.COIL: "线圈", Table.DISCRETE: "离散输入", Table.HOLDING: "保持寄存器", Table.INPUT: "输入寄存器"}
)
_PARTS_ZH: Final[Mapping[PartKind, str]] = MappingProxyType(
    {PartKind.NUMBER: "数值", PartKind.MOMENT: "时间", PartKind.DIGITS: "编号", PartKind.TEXT: "文本", PartKind.BITS: "位"}
)


def _places(profile: DeviceProfile, lang: Lang) -> list[tuple[str, str]]:
    """Where each point sits, and how it is written there: a register, or an identifier and one of its items."""
    places = []
    for field in profile.fields:
        last = f"-{field.last}" if field.words > 1 else ""
        places.append((f"{lang.say(_TABLES_ZH[field.table], field.table.value)} {field.address}{last}", field.type.value))
    for at in profile.data:
        bits = ""
        if at.bits is not None:
            bits = f" {lang.say('位', 'bit')} {at.bits[0]}" + (f"-{at.bits[1]}" if at.bits[1] > at.bits[0] else "")
        item = f" [{at.item}]" if len(at.layout) > 1 else ""
        places.append((f"{at.identifier}{item}{bits}", lang.say(_PARTS_ZH[at.part.kind], at.part.kind.value)))
    for place, point in zip(profile.places, profile.points, strict=bool(profile.places)):
        places.append((clean(", ".join(f"{key} {value}" for key, value in place.items())), point.kind.value))
    return places


def profile_check(session: Session, files: Sequence[Path]) -> Exit:
    """Every mistake of profile files."""
    mistakes: list[str] = []
    good: list[DeviceProfile] = []
    for file in files:
        try:
            good.append(load_profile(file))
        except ConfigError as error:
            mistakes.extend(error.mistakes)
    if mistakes:
        return _tell_mistakes(session, mistakes)
    if session.json:
        print_json({"ok": True, "mistakes": [], "profiles": [_profile_facts(profile) for profile in good]})
        return Exit.FINE
    for profile in good:
        counted = session.lang.say(f"{len(profile.points)} 个点", f"{len(profile.points)} points")
        console().print(Text.assemble(("✓ ", "bold green"), (profile.name, "bold"), f" {counted}"))
    return Exit.FINE


def _profile_facts(profile: DeviceProfile) -> dict[str, object]:
    return {
        "name": profile.name,
        "maker": profile.maker,
        "model": profile.model,
        "kind": profile.kind,
        "labels": profile.labels,
        "points": len(profile.points),
        "requests_per_round": len(block_sizes(profile)),
        "source": profile.source,
        "trust": profile.trust,
        "template": profile.template,
        "sha256": profile.sha256,
    }


def _point_facts(point: Point) -> dict[str, object]:
    return {
        "name": point.name,
        "kind": point.kind.value,
        "labels": point.labels,
        "unit": point.unit,
        "minimum": point.minimum,
        "maximum": point.maximum,
        "choices": {str(number_): labels for number_, labels in point.choices.items()},
        "write": point.write,
    }


def _label(labels: Labels, lang: Lang) -> str:
    return label(LabelsView(labels.zh, labels.en), lang)


def _write_rule(point: Point, lang: Lang) -> str:
    if point.write is None:
        return ""
    return _bounds(point.write.minimum, point.write.maximum) or lang.say("是", "yes")


def _bounds(minimum: float | None, maximum: float | None) -> str:
    """`0 … 500`; empty where there are none."""
    if minimum is None and maximum is None:
        return ""
    return " … ".join("" if bound is None else number(bound) for bound in (minimum, maximum)).strip()
