"""What the pages say is what the code does: examples load, tables name what exists."""

import re
import sqlite3
from pathlib import Path

from law_tree import ROOT, modules

from edgeguard.config import load_site
from edgeguard.config.scenario import load_scenario
from edgeguard.core.alarm import AlarmState, Severity
from edgeguard.core.item import Stream
from edgeguard.core.quality import Reason
from edgeguard.simulator.faults import Kind

README = (ROOT / "README.md").read_text(encoding="utf-8")
MQTT = (ROOT / "edgeguard/docs/mqtt.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "edgeguard/docs/operations.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "edgeguard/docs/architecture.md").read_text(encoding="utf-8")


def _block(language: str, page: str = README) -> str:
    found = re.search(rf"```{language}\n(.*?)```", page, re.DOTALL)
    assert found is not None
    return found.group(1)


def test_the_configuration_of_the_readme_is_a_right_one(tmp_path: Path) -> None:
    for name in ("ca.pem", "cert.pem"):
        (tmp_path / name).write_text("", encoding="utf-8")
    path = tmp_path / "site.toml"
    path.write_text(_block("toml").replace("/etc/edgeguard/", f"{tmp_path}/"), encoding="utf-8")
    site = load_site(path)
    assert [device.name for device in site.devices] == ["pump-1"]
    assert site.uplink is not None
    assert site.uplink.tls


class TestConsumer:
    """The consumer of the README, without its broker."""

    MESSAGE = b'{"v":1,"gateway":"b07","epoch":"e","stream":"events","seq":%d,"items":[{"type":"health"},{"type":"gap"}]}'

    def _tables(self) -> sqlite3.Connection:
        create = re.search(r'"(CREATE TABLE.*?)"\)', _block("python"))
        assert create is not None
        db = sqlite3.connect(":memory:")
        db.execute(create.group(1))
        return db

    def _keep(self, db: sqlite3.Connection, first_seq: int) -> None:
        insert = re.search(r'"(INSERT.*?)"', _block("python"))
        assert insert is not None
        db.executemany(insert.group(1), [("b07", "e", "events", seq, "{}") for seq in (first_seq, first_seq + 1)])

    def test_repeats_are_dropped_and_holes_are_found(self) -> None:
        db = self._tables()
        for first_seq in (1, 2, 6, 1):
            self._keep(db, first_seq)
        assert db.execute("SELECT count(*) FROM item").fetchone() == (5,)
        assert db.execute(_block("sql")).fetchall() == [("b07", "e", "events", 4, 5)]

    def test_the_python_of_the_readme_is_python(self) -> None:
        compile(_block("python"), "README.md", "exec")


def test_mqtt_names_every_word_of_the_code() -> None:
    words = {word.value for kind in (Reason, AlarmState, Severity, Stream) for word in kind}
    assert {word for word in words if f"`{word}`" not in MQTT} == set()
    listed = re.search(r"Reasons in `bad`: (.*?)\.\n", MQTT, re.DOTALL)
    assert listed is not None
    assert set(re.findall(r"`([a-z-]+)`", listed.group(1))) == {reason.value for reason in Reason}


def test_every_code_that_operations_explains_exists() -> None:
    source = "\n".join("\n".join(module.lines) for module in modules("edgeguard"))
    codes = re.findall(r"^\| (?:`[a-zA-Z.]+`|a part) \| `([a-z-]+)` \|", OPERATIONS, re.MULTILINE)
    assert len(codes) > 10
    assert [code for code in codes if f'"{code}"' not in source] == []


def test_architecture_knows_every_room() -> None:
    rooms = {module.room for module in modules("edgeguard")} - {""}
    assert {room for room in rooms if f"| `{room}` |" not in ARCHITECTURE} == set()


def test_the_simulator_page_shows_a_scenario_that_loads_and_names_every_kind_of_fault(tmp_path: Path) -> None:
    page = (ROOT / "edgeguard/docs/simulator.md").read_text(encoding="utf-8")
    path = tmp_path / "day.toml"
    path.write_text(_block("toml", page), encoding="utf-8")
    assert load_scenario(path).repeat_s == 300.0
    assert [kind for kind in Kind if f"`{kind.value}`" not in page and f" {kind.value}`" not in page] == []
