"""How far a profile can be trusted, as people and programs are told: a template's warning, the ledger, how a scan knows it."""

from rich.table import Table

from edgeguard.cli.output import styled, table
from edgeguard.cli.session import Lang
from edgeguard.cli.text import clean
from edgeguard.core.ledger import Claim, Entry
from edgeguard.core.profile import DeviceProfile


def worth_facts(profile: DeviceProfile) -> dict[str, object]:
    """For programs; claims that are not made are null."""
    rule = profile.identify
    return {
        "template": profile.template,
        "ledger": {claim.value: _entry_facts(profile.ledger.entry(claim)) for claim in Claim},
        "identify": {
            "vendor": rule.vendor,
            "product": rule.product,
            "server_id": rule.server_id,
            "registers": [f"{check.field.table.value} {check.field.address}: {check.means}" for check in rule.registers],
            "points": [expect.point for expect in rule.expect],
        },
    }


def _entry_facts(entry: Entry | None) -> dict[str, object] | None:
    return None if entry is None else {"date": entry.on.isoformat(), "done": entry.done, "composed": entry.composed}


def template_warning(lang: Lang) -> str:
    """What a template is."""
    return lang.say(
        "这是模板:使用前请与设备显示逐点核对,必要时复制并修改",
        "this is a template: compare every value with the device's display before use; copy and adapt it where it differs",
    )


def ledger_table(profile: DeviceProfile, lang: Lang) -> Table:
    """The four claims, made or not."""
    done = lang.say("做了什么", "what was done")
    made = table(lang.say("台账", "ledger"), lang.say("日期", "date"), done, wrap=(done,))
    for claim in Claim:
        entry = profile.ledger.entry(claim)
        name = lang.say(claim.labels.zh, claim.labels.en)
        if entry is None:
            made.add_row(f"- {name}", "", styled(lang.say("未做", "not done"), "dim"))
        else:
            composed = lang.say("(由文档编成,非现场录制)", " (composed, not from the field)") if entry.composed else ""
            made.add_row(f"✓ {name}", entry.on.isoformat(), f"{clean(entry.done)}{composed}")
    return made


def known_by(profile: DeviceProfile, lang: Lang) -> str:
    """In a line, by what a scan knows the model; empty where by nothing."""
    rule = profile.identify
    words = [*(f'"{clean(text)}"' for text in (*rule.vendor, *rule.product, *rule.server_id))]
    words += [f"{check.field.table.value} {check.field.address} ({clean(check.means)})" for check in rule.registers]
    words += [str(expect.point) for expect in rule.expect]
    return f"{lang.say('识别依据', 'known by')}: {', '.join(words)}" if words else ""
