"""The law holds in every module; and every rule of it catches what it is there to catch."""

import law_rules
import pytest
from law_rules import PRODUCT_RULES, TEST_RULES, Rule
from law_tree import modules, parsed


def _named(rule: Rule) -> str:
    return getattr(rule, "__name__", "rule")


def _broken(top: str, rules: tuple[Rule, ...]) -> str:
    """Every offence against the rules, under the words of the rule: one test for all, so that one process parses each module."""
    told = [(rule, [offence for module in modules(top) for offence in rule(module)]) for rule in rules]
    return "\n".join(f"{rule.__doc__}\n" + "\n".join(offences) for rule, offences in told if offences)


def test_the_product_keeps_the_law() -> None:
    assert not _broken("edgeguard", PRODUCT_RULES)


def test_the_tests_keep_the_law() -> None:
    assert not _broken("tests", TEST_RULES)


def test_there_is_something_to_judge() -> None:
    assert {"core", "codec", "rules", "bus", "driver", "store", "uplink", "runtime", "cli"} <= {
        m.room for m in modules("edgeguard")
    }
    assert len(modules("tests")) > 10


LONG_FUNCTION = "def f():\n" + "    x = 1\n" * 70
BROKEN = [
    (law_rules.long_functions, LONG_FUNCTION, 1),
    (law_rules.long_modules, "x = 1\n" * 501, 501),
    (law_rules.empty_names, "class BusManager: ...", 1),
    (law_rules.empty_names, "x = 1\ndef time_utils(): ...", 2),
    (law_rules.broad_excepts, "try:\n    f()\nexcept:\n    pass", 3),
    (law_rules.broad_excepts, "try:\n    f()\nexcept (OSError, Exception):\n    pass", 3),
    (law_rules.broad_excepts, "with contextlib.suppress(BaseException):\n    f()", 1),
    (law_rules.module_state, "cache = {}", 1),
    (law_rules.module_state, "x = 1\nSEEN: Final = set()", 2),
    (law_rules.module_state, "if x:\n    y = [1]", 2),
    (law_rules.module_state, "def f():\n    global x", 2),
    (law_rules.import_effects, "import a\na.start()", 2),
    (law_rules.import_effects, "for x in y:\n    z = x", 1),
    (law_rules.dangers, "eval('1')", 1),
    (law_rules.dangers, "run('ls', shell=True)", 1),
    (law_rules.dangers, "import os\nos.system('ls')", 2),
    (law_rules.dangers, "from pickle import loads", 1),
    (law_rules.thawed_values, "@dataclass(frozen=True)\nclass A: ...", 2),
    (law_rules.thawed_values, "@dataclass(slots=True)\nclass A: ...", 2),
    (law_rules.untyped_dicts, "def f(x: dict[str, Any]): ...", 1),
    (law_rules.event_names, "log.info('it has started')", 1),
    (law_rules.event_names, "self._log.warning(f'bus.{x}')", 1),
    (law_rules.unitless_names, "def f(timeout: float): ...", 1),
    (law_rules.unitless_names, "class A:\n    poll_period: int = 3", 2),
    (law_rules.docless_modules, "x = 1", 1),
    (law_rules.mocks, "from unittest.mock import Mock", 1),
    (law_rules.sleeping_tests, "import time\ntime.sleep(1)", 2),
]


@pytest.mark.parametrize(("rule", "source", "line"), BROKEN, ids=lambda v: _named(v) if callable(v) else "")
def test_a_rule_catches_its_offence_and_names_the_line(rule: Rule, source: str, line: int) -> None:
    path = "tests/unit/core/bad.py" if rule is law_rules.sleeping_tests else "edgeguard/core/bad.py"
    offences = list(rule(parsed(path, source)))
    assert [offence.split(": ")[0] for offence in offences] == [f"{path}:{line}"]


ALLOWED = [
    (law_rules.module_state, "NAMES: Final = ('a', 'b')\nBY_NAME: Final[Mapping[str, int]] = {}\n__all__ = ['x']"),
    (law_rules.module_state, "TABLE = MappingProxyType({'a': 1})"),
    (law_rules.import_effects, '"""Why."""\nif __name__ == "__main__":\n    main()'),
    (law_rules.event_names, "log.info('bus.opened', bus=name)\nmath.log.real\nself.log.warning('poll.late', device=d)"),
    (law_rules.unitless_names, "def f(timeout_s: float, timeout: Timeout): ..."),
    (law_rules.thawed_values, "@dataclass(frozen=True, slots=True)\nclass A: ..."),
    (law_rules.broad_excepts, "try:\n    f()\nexcept (OSError, ValueError):\n    pass"),
    (law_rules.broad_excepts, "try:\n    f()\nexcept BaseException:\n    undo()\n    raise"),
    (law_rules.dangers, "run(['ls'], shell=False)\nmodel.eval()"),
]


@pytest.mark.parametrize(("rule", "source"), ALLOWED, ids=lambda v: _named(v) if callable(v) else "")
def test_a_rule_lets_pass_what_is_right(rule: Rule, source: str) -> None:
    assert list(rule(parsed("edgeguard/core/good.py", source))) == []
