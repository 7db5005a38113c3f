"""The page on rules says of every rule, role and figure what the code says."""

from pathlib import Path

import pytest
from domain_kit import RULES

import edgeguard
from edgeguard.core.domain import FIGURES, DomainRule
from edgeguard.core.point import Kind
from edgeguard.core.role import ROLES

PAGE = (Path(edgeguard.__file__).parent / "docs" / "rules.md").read_text("utf-8")
EVERY = [rule for rules in RULES.values() for rule in rules]


def row_of(rule: DomainRule) -> str:
    """The rule's row of the page."""
    ways = " or ".join(" + ".join(f"`{role}`" for role in way) for way in rule.ways[:3]) + (" …" if len(rule.ways) > 3 else "")
    limit = "" if rule.limit is None else f"{rule.limit:g} {rule.unit}".strip()
    delay = f"{rule.on_delay_ms / 1000:g} s" if rule.on_delay_ms else ""
    told = (f"`{rule.name}`", rule.severity.value, ways, limit, delay, rule.source, rule.advice.en)
    return f"| {' | '.join(told)} |"


@pytest.mark.parametrize("rule", EVERY, ids=lambda rule: rule.name)
def test_every_rule_has_its_row(rule: DomainRule) -> None:
    assert row_of(rule) in PAGE


def test_every_role_and_figure_is_there() -> None:
    units = {role.name: "yes/no" if role.kind is Kind.BOOLEAN else role.unit or "number" for role in ROLES.values()}
    assert [name for name, unit in units.items() if f"`{name}` ({unit})" not in PAGE] == []
    assert [name for rows in FIGURES.values() for name, *_ in rows if f"`{name}`" not in PAGE] == []


def test_rules_know_only_roles_that_there_are() -> None:
    assert [role for rule in EVERY for way in rule.ways for role in way if role not in ROLES] == []
    assert len({rule.name for rule in EVERY}) == len(EVERY)
