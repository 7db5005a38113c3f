"""What the service files must agree on with the product's bounds, and the form of the udev rules; systemd's own tools judge
them in the slow lane."""

import configparser
import re

from law_tree import ROOT

from edgeguard.core import limits
from edgeguard.core.address import INSIDE

SYSTEMD = ROOT / "systemd"
UNIT = SYSTEMD / "edgeguard.service"
UDEV_MATCH = re.compile(r'[A-Z]+(\{[\w-]+\})?(==|!=|\+=|=)"[^"]*"')


def _service() -> configparser.SectionProxy:
    """The unit's [Service] section; of repeated keys the last."""
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[method-assign,assignment]
    parser.read_string(UNIT.read_text(encoding="utf-8"))
    return parser["Service"]


def test_systemd_waits_longer_than_the_daemon_takes() -> None:
    service = _service()
    assert int(service["TimeoutStopSec"]) == limits.KILL_AFTER_S >= 2 * limits.STOP_WITHIN_S
    assert int(service["WatchdogSec"]) >= 3 * limits.SYNC_LOOK_S


def test_the_unit_keeps_the_checklist() -> None:
    """What the exposure figure does not count, or counts too little to be seen when it goes."""
    service = _service()
    wanted = {
        "Type": "notify",
        "NotifyAccess": "main",
        "Restart": "always",
        "User": "edgeguard",
        "UMask": "0077",
        "LimitCORE": "0",
        "CapabilityBoundingSet": "",
        "AmbientCapabilities": "",
        "RuntimeDirectoryPreserve": "yes",
        "ProtectSystem": "strict",
        "MemoryDenyWriteExecute": "yes",
    }
    assert {key: service.get(key) for key in wanted} == wanted
    assert service["LoadCredential"].startswith("uplink:/")
    assert not {key for key in service if key.startswith(("Environment", "PassEnvironment"))}


def test_udev_rules_are_well_formed() -> None:
    """`udevadm verify` is younger than the systemd of Debian 12: every part of every line is a match or an assignment."""
    text = (SYSTEMD / "60-edgeguard-rs485.rules").read_text(encoding="utf-8")
    rules = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert rules
    for rule in rules:
        for part in re.split(r",\s*(?=[A-Z])", rule):
            assert UDEV_MATCH.fullmatch(part), part
    assert set(re.findall(r'GOTO="(\w+)"', text)) == set(re.findall(r'LABEL="(\w+)"', text))


def test_the_unit_and_the_configuration_call_the_same_addresses_private() -> None:
    said = set(_service()["IPAddressAllow"].split())
    named = {"localhost": ("127.0.0.0/8", "::1/128"), "link-local": ("169.254.0.0/16", "fe80::/64")}
    assert {network for word in said for network in named.get(word, (word,))} == {str(network) for network in INSIDE}
