"""Broken configurations: each mistake with its line, its key path and a way out; all of a file's mistakes at once."""

from pathlib import Path

import pytest

from edgeguard.config import load_site_with_notes
from edgeguard.core.alarm import Condition
from edgeguard.core.errors import ConfigError
from edgeguard.testing.shipped import shipped_profiles

GOOD = """\
[gateway]
site = "lakeside"
id = "b07"
[[bus]]
name = "plant"
url = "tcp://10.0.0.7:502"
[[bus]]
name = "riser"
url = "rtu+tcp://10.0.0.8:4001"
[[device]]
name = "meter"
bus = "plant"
address = 10
profile = "eastron-sdm630"
every = "2s"
"""
"""Fifteen lines; cases add from line 16 on, or replace within."""


def mistakes_of(tmp_path: Path, text: str) -> list[str]:
    """The mistakes in `text`, without the file's name."""
    path = tmp_path / "site.toml"
    path.write_text(text, encoding="utf-8")
    try:
        load_site_with_notes(path, shipped_profiles(), environ={})
    except ConfigError as error:
        lines = error.mistakes
    else:
        lines = ()
    assert all(line.startswith(f"{path}:") for line in lines)
    return [line.removeprefix(f"{path}:") for line in lines]


def test_the_ground_under_the_cases_is_sound(tmp_path: Path) -> None:
    assert mistakes_of(tmp_path, GOOD) == []


REST = "severity = 'minor'\ntext = { zh = 'x', en = 'x' }\n"

CONDITIONS = ", ".join(Condition)
ADDED = [
    # syntax
    ("[store\n", "16: column 7: not valid TOML: expected ']' at the end of a table declaration"),
    ("[store]\nmax_rows = \n", "17: column 12: not valid TOML: invalid value"),
    ("[gateway]\n", "16: column 9: not valid TOML: cannot declare ('gateway',) twice"),
    ("x = 1\nx = 2\n", "17: column 6: not valid TOML: cannot overwrite a value"),
    # unknown keys
    ("evry = '2s'\n", '16: device[0].evry: unknown key (did you mean "every"?)'),
    ("[stroe]\n", '16: stroe: unknown key (did you mean "store"?)'),
    ("[store]\nsize = 1\n", '17: store.size: unknown key (did you mean "max_size"?)'),
    ("labels = { zh = 'x', en = 'y', fr = 'z' }\n", "16: device[0].labels.fr: unknown key (known: en, zh)"),
    ("[log]\nlevle = 'info'\n", '17: log.levle: unknown key (did you mean "level"?)'),
    # not in this version
    ("[[camera]]\nname = 'gate'\n", "16: camera[0].url: is missing"),
    # types and values
    ("shared_address = 'yes'\n", "16: device[0].shared_address: must be true or false, without quotes, not a text"),
    ("labels = 'Meter'\n", "16: device[0].labels: must be a table, not a text"),
    ("labels = { zh = '电表' }\n", "16: device[0].labels.en: is missing"),
    ("labels = { zh = '', en = 'x' }\n", "16: device[0].labels.zh: must not be empty"),
    ("points = [[1]]\n", "16: device[0].points[0]: must be a text in quotes, not a list"),
    ("points = []\n", "16: device[0].points: must have at least 1 entries, not 0"),
    ("points = ['power', 'powr']\n", '16: device[0].points[1]: profile eastron-sdm630 has no point "powr" (did you mean "power"?)'),
    ("points = ['power', 'power']\n", '16: device[0].points[1]: point "power" is already used in line 16'),
    ("stale_after = '1s'\n", "16: device[0].stale_after: 1s is shorter than every = 2s, so values would always be stale"),
    (
        "stale_after = 60\n",
        '16: device[0].stale_after: a duration needs its unit in quotes, such as "500ms"',
    ),
    ("[log]\nlevel = 'inf'\n", '17: log.level: "inf" is not one of debug, info, warning, error (did you mean "info"?)'),
    (
        "[store]\nmax_size = 1024\n",
        '17: store.max_size: a size needs its unit in quotes, such as "256MiB" or "2GiB", not the bare number 1024',
    ),
    ("[store]\nmax_size = '1MiB'\n", "17: store.max_size: is too small: at least 4MiB"),
    ("[store]\nmax_rows = 5.5\n", "17: store.max_rows: must be a whole number, not a number"),
    ("[store]\nmax_rows = 10\n", "17: store.max_rows: 10 is out of range: must be at least 10000"),
    ("[store]\nmax_age = '10m'\n", "17: store.max_age: is too short: at least 1h"),
    ("[store]\ndirectory = '${HOME}/eg'\n", "17: store.directory: ${HOME} is not expanded here; only ${CREDENTIALS_DIRECTORY} is"),
    (
        "[control]\nsocket = '/run/" + "x" * 120 + "'\n",
        "17: control.socket: the path is too long for a Unix socket: at most 107 bytes",
    ),
    ("[control]\noperators = 'root'\n", "17: control.operators: must be a list in [ ], not a text"),
    ("[[control]]\n", "16: control: there is only one: write [control] with single brackets"),
    ("[profiles]\ndirectories = ['no-such-folder']\n", "17: profiles.directories[0]: "),
    # buses
    (
        "[[bus]]\nname = 'Plant 2'\nurl = 'tcp://a'\n",
        '17: bus[2].name: "Plant 2" is not an id: use 1 to 64 small letters, digits and hyphens',
    ),
    ("[[bus]]\nname = 'plant'\nurl = 'tcp://a'\n", '17: bus[2].name: bus name "plant" is already used in line 5'),
    (
        "[[bus]]\nname = 'b'\nurl = 'tcp://10.0.0.7'\n",
        "18: bus[2].url: endpoint 10.0.0.7:502 is already used in line 6; put the devices of both on one bus",
    ),
    ("[[bus]]\nname = 'b'\nurl = 'rtu+tcp://10.0.0.7'\n", '18: bus[2].url: "rtu+tcp://10.0.0.7" names no port'),
    ("[[bus]]\nname = 'b'\nurl = 'http://10.0.0.7'\n", '18: bus[2].url: "http://" is not known here; write "tcp://HOST:PORT"'),
    ("[[bus]]\nname = 'b'\nurl = 'ascii+tcp://10.0.0.7'\n", '18: bus[2].url: "ascii+tcp://10.0.0.7" names no port'),
    (
        "[[bus]]\nname = 'b'\nurl = 'tls://h'\n",
        "18: bus[2].url: tls:// needs ca beside it: the authority that signed the device's certificate",
    ),
    (
        "[[bus]]\nname = 'b'\nurl = 'tls://h'\nca = 'none.pem'\nkey = 'none.key'\n",
        "19: bus[2].ca: ",
        "20: bus[2].key: needs certificate",
    ),
    ("[[bus]]\nname = 'b'\nurl = 'tls://h'\nca = 'none.pem'\nbaudrate = 9600\n", "20: bus[2].baudrate: does nothing on tls://"),
    ("[[bus]]\nname = 'b'\nurl = 'tcp://h'\nca = 'none.pem'\n", "19: bus[2].ca: does nothing with tcp://, which has no TLS"),
    ("[[bus]]\nname = 'b'\nurl = 'tcp://h'\nframing = 'ascii'\n", "19: bus[2].framing: is for serial ports; behind a url"),
    ("[[bus]]\nname = 'b'\nport = '/dev/null'\nframing = 'asci'\n", '19: bus[2].framing: "asci" is not one of rtu, ascii'),
    ("[[bus]]\nname = 'b'\nport = '/dev/null'\ncertificate = 'x'\n", "19: bus[2].certificate: does nothing with a serial port"),
    ("[[bus]]\nname = 'b'\nurl = 'ascii+tcp://h:1'\nparallel = 2\n", "19: bus[2].parallel: must be 1 on ascii+tcp"),
    ("[[bus]]\nname = 'b'\nurl = 'rtu+tcp://h:1'\ndatabits = 7\n", "19: bus[2].databits: must be 8"),
    ("[[bus]]\nname = 'b'\nurl = '10.0.0.9:502'\n", '18: bus[2].url: "10.0.0.9:502" is not a URL; write "tcp://HOST:PORT"'),
    ("[[bus]]\nname = 'b'\nurl = 'tcp://10.0.0.300'\n", '18: bus[2].url: "10.0.0.300" is not an IPv4 address'),
    ("[[bus]]\nname = 'b'\nurl = 'tcp://a b'\n", '18: bus[2].url: "a b" is not a host name'),
    ("[[bus]]\nname = 'b'\nurl = 'tcp://h:99999'\n", '18: bus[2].url: "tcp://h:99999" is not a URL: port out of range 0-65535'),
    ("[[bus]]\nname = 'b'\nurl = 'tcp://h:502/unit/3'\n", '18: bus[2].url: "tcp://h:502/unit/3" must end after the port'),
    ("[[bus]]\nname = 'b'\nurl = 'tcp://h'\nparallel = 99\n", "19: bus[2].parallel: 99 is out of range: must be at most 16"),
    (
        "[[bus]]\nname = 'b'\nurl = 'rtu+tcp://h:1'\nparallel = 2\n",
        "19: bus[2].parallel: must be 1 on rtu+tcp: a serial line has one talker",
    ),
    ("[[bus]]\nname = 'b'\n", '16: bus[2]: has no wire: write "tcp://HOST:PORT"'),
    # serial ports
    (
        "[[bus]]\nname = 'b'\nport = '/dev/ttyX0'\nurl = 'tcp://h'\n",
        "18: bus[2].port: a bus has a port of this machine or a url, not both",
    ),
    (
        "[[bus]]\nname = 'b'\nport = '/dev/null'\n[[bus]]\nname = 'c'\nport = '/dev/../dev/null'\n",
        "21: bus[3].port: port /dev/null is already used in line 18; put the devices of both on one bus",
    ),
    ("[[bus]]\nname = 'b'\nport = 'site.toml'\n", "18: bus[2].port: "),
    ("[[bus]]\nname = 'b'\nport = 5\n", "18: bus[2].port: must be a text in quotes, not a whole number"),
    ("[[bus]]\nname = 'b'\nport = ''\n", "18: bus[2].port: must have at least 1 characters"),
    (
        "[[bus]]\nname = 'b'\nport = '/dev/null'\nparity = 'evn'\n",
        '19: bus[2].parity: "evn" is not a parity: "N", "E" or "O" (none, even, odd)',
    ),
    ("[[bus]]\nname = 'b'\nport = '/dev/null'\nparity = 1\n", '19: bus[2].parity: must be "N", "E" or "O" (none, even, odd), not'),
    (
        "[[bus]]\nname = 'b'\nport = '/dev/null'\nbaudrate = 9601\n",
        "19: bus[2].baudrate: 9601 is not a baud rate that devices use; the nearest is 9600",
    ),
    ("[[bus]]\nname = 'b'\nport = '/dev/null'\nstopbits = 3\n", "19: bus[2].stopbits: 3 is out of range: must be at most 2"),
    ("[[bus]]\nname = 'b'\nport = '/dev/null'\ndatabits = 7\n", "19: bus[2].databits: must be 8: seven data bits carry only"),
    ("[[bus]]\nname = 'b'\nport = '/dev/null'\nparallel = 2\n", "19: bus[2].parallel: must be 1 on a serial port"),
    (
        "[[bus]]\nname = 'b'\nport = '/dev/null'\nconnect_timeout = '1s'\n",
        "19: bus[2].connect_timeout: does nothing with a serial port; remove it",
    ),
    (
        "[[bus]]\nname = 'b'\nurl = 'tcp://h'\nbaudrate = 9600\n",
        "19: bus[2].baudrate: does nothing on tcp://, which has no serial line",
    ),
    ("[[bus]]\nname = 'b'\nport = '/dev/null'\nbytesize = 8\n", "19: bus[2].bytesize: unknown key"),
    ("baudrate = 2400\n", "16: device[0].baudrate: cannot be set for a device behind a network"),
    (
        "[[device]]\nname = 'm2'\nbus = 'riser'\naddress = 3\nprofile = 'eastron-sdm630'\nevery = '2s'\nparity = 'E'\n",
        "22: device[1].parity: cannot be set for a device behind a serial server, whose port has one setting for all devices",
    ),
    ("timeout = '5ms'\n", "16: device[0].timeout: 5ms is too short: at least 20ms"),
    # alarms and reports
    (
        "[device.alarms.freqency-low]\nenabled = false\n",
        '16: device[0].alarms.freqency-low: profile eastron-sdm630 has no alarm "freqency-low" on',
    ),
    (
        "[device.alarms.frequency-low]\nlimit = 99.0\n",
        "17: device[0].alarms.frequency-low.limit: 99 lies outside the range 40 to 70 of point frequency",
    ),
    ("[device.alarms.frequency-low]\nlimit = true\n", "17: device[0].alarms.frequency-low.limit: must be a number in Hz"),
    (
        "[device.alarms.frequency-low]\nhysteresis = 30.0\n",
        "17: device[0].alarms.frequency-low.hysteresis: 30 makes it clear at 79.5, outside",
    ),
    (
        "[device.alarms.frequency-low]\nlimt = 49.0\n",
        '17: device[0].alarms.frequency-low.limt: unknown key (did you mean "limit"?)',
    ),
    (
        "[device.alarms.frequency-low]\non_delay = '1y'\n",
        '17: device[0].alarms.frequency-low.on_delay: "y" is not a unit of a duration',
    ),
    ("[device.alarms.comms-lost]\nlimit = 3\n", "17: device[0].alarms.comms-lost.limit: makes no sense for lost communication"),
    ("[[device.alarms]]\nname = 'x'\n", "16: device[0].alarms: must be tables such as [device.alarms.NAME], not a list"),
    (
        "[[device.alarm]]\nname = 'frequency-low'\npoint = 'power'\ncondition = 'hihg'\nlimit = 1\n" + REST,
        '17: device[0].alarm[0].name: the profile has an alarm "frequency-low" already; change it with',
        f'19: device[0].alarm[0].condition: "hihg" is not one of {CONDITIONS} (did you mean "high"?)',
    ),
    (
        "[[device.alarm]]\nname = 'x'\npoint = 'pover'\ncondition = 'high'\nlimit = 1\n" + REST,
        '18: device[0].alarm[0].point: profile eastron-sdm630 has no polled point "pover" (did you mean "power"?)',
    ),
    (
        "[device.report.pwer]\ndeadband = 1\n",
        '16: device[0].report.pwer: profile eastron-sdm630 has no polled point "pwer" (did you mean "power"?)',
    ),
    ("[device.report.power]\ndeadband = '2'\n", '17: device[0].report.power.deadband: "2" is not a dead-band'),
    ("[device.report.power]\ndeadband = -1\n", "17: device[0].report.power.deadband: -1 is out of range: must be at least 0"),
    (
        "[device.report.power]\nmin_interval = '1h'\n",
        "17: device[0].report.power.min_interval: leaves the heartbeat shorter than the minimum interval",
    ),
    # uplink
    ("[uplink]\n", "16: uplink.url: is missing"),
    (
        "[uplink]\nurl = 'mqtt://broker.example'\n",
        "17: uplink.url: mqtt:// to broker.example is readable and changeable by everyone on the way",
    ),
    (
        "[uplink]\nurl = 'https://h'\n",
        '17: uplink.url: "https://" is not known here; write "mqtts://HOST:8883" (TLS) or "mqtt://HOST:1883" (plain)',
    ),
    ("[uplink]\nurl = 'mqtts://me@h'\n", "17: uplink.url: must not hold a user name or password"),
    (
        "[uplink]\nurl = 'mqtts://h'\npassword = 'x'\n",
        "18: uplink.password: secrets do not belong in this file; put it into a file of its own with mode 0600",
    ),
    ("[uplink]\nurl = 'mqtts://h'\nca = 'nowhere.pem'\n", "18: uplink.ca: "),
    ("[uplink]\nurl = 'mqtts://h'\nwindow = 0\n", "18: uplink.window: 0 is out of range: must be at least 1"),
    ("[uplink]\nurl = 'mqtts://h'\nprotocol = '4'\n", '18: uplink.protocol: "4" is not one of auto, 5, 3.1.1'),
    (
        "[uplink]\nurl = 'mqtts://h'\nclient_id = 'a/b'\n",
        "18: uplink.client_id: must be printable, without spaces and without + # / $",
    ),
    (
        "[uplink]\nurl = 'mqtts://h'\nkey = '''\n-----BEGIN CERTIFICATE-----'''\n",
        "18: uplink.key: holds a key or certificate itself",
    ),
]


@pytest.mark.parametrize("case", ADDED, ids=[case[1].split(": ")[1] + f"-{i}" for i, case in enumerate(ADDED)])
def test_added_lines(tmp_path: Path, case: tuple[str, ...]) -> None:
    found = mistakes_of(tmp_path, GOOD + case[0])
    for expected in case[1:]:
        assert any(line.startswith(expected) for line in found), found


REPLACED = [
    ('site = "lakeside"', 'site = "Lakeside"', '2: gateway.site: "Lakeside" is not an id'),
    ('site = "lakeside"\n', "", "1: gateway.site: is missing"),
    ('[gateway]\nsite = "lakeside"\nid = "b07"\n', "", "1: gateway: is missing: the file needs a [gateway] table with site and id"),
    ('id = "b07"', "id = 7", "3: gateway.id: must be a text in quotes, not a whole number"),
    ('every = "2s"', "every = 2", "15: device[0].every: a duration needs its unit in quotes"),
    ('every = "2s"', 'every = "10ms"', "15: device[0].every: 10ms is too short: at least 50ms"),
    ('every = "2s"', 'every = "2d"', "15: device[0].every: 2d is too long: at most 1d"),
    ('every = "2s"\n', "", "10: device[0].every: is missing"),
    ("address = 10", "address = 256", "13: device[0].address: 256 is out of range: must be at most 255"),
    ("address = 10", "address = true", "13: device[0].address: must be a whole number, not a truth value"),
    (
        'bus = "plant"\naddress = 10',
        'bus = "riser"\naddress = 248',
        "13: device[0].address: 248 is out of range on rtu+tcp: must be 1 to 247",
    ),
    ('bus = "plant"', 'bus = "plnat"', '12: device[0].bus: there is no bus "plnat" (did you mean "plant"?)'),
    (
        '"eastron-sdm630"',
        '"eastron-smd630"',
        '14: device[0].profile: there is no profile "eastron-smd630" (did you mean "eastron-sdm630"?)',
    ),
    ("[[device]]", "[device]", "10: device: is one of several: write [[device]] with two brackets"),
    ("[gateway]", "[[gateway]]", "1: gateway: there is only one: write [gateway] with single brackets"),
]


@pytest.mark.parametrize(
    ("old", "new", "expected"), REPLACED, ids=[case[2].split(": ")[1] + f"-{i}" for i, case in enumerate(REPLACED)]
)
def test_replaced_lines(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in GOOD
    found = mistakes_of(tmp_path, GOOD.replace(old, new, 1))
    assert len(found) == 1, found
    assert found[0].startswith(expected)


SECOND = '[[device]]\nname = "{name}"\nbus = "plant"\naddress = 10\nprofile = "chint-dtsu666"\nevery = "1s"\n'


def test_two_devices_at_one_address_are_refused_unless_said(tmp_path: Path) -> None:
    found = mistakes_of(tmp_path, GOOD + SECOND.format(name="again"))
    assert len(found) == 1
    assert found[0].startswith("19: device[1].address: address 10 on bus plant is already used in line 13; if one device is meant")
    assert found[0].endswith("set shared_address = true on the second")
    assert mistakes_of(tmp_path, GOOD + SECOND.format(name="again") + "shared_address = true\n") == []


def test_two_devices_of_one_name_are_refused(tmp_path: Path) -> None:
    found = mistakes_of(tmp_path, GOOD + SECOND.format(name="meter") + "shared_address = true\n")
    assert found == ['17: device[1].name: device name "meter" is already used in line 11']


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """\
[gateway]
site = "Lake Side"
[uplink]
url = "mqtt://far.example"
window = 1000
[[bus]]
name = "a"
url = "tcp:/10.0.0.7"
paralel = 2
[[device]]
name = "x"
bus = "b"
profile = "eastron-sdm630"
address = 1
every = 5
[device.alarms.overload]
limit = 1
[device.report.power]
deadband = "200%"
[[device]]
name = "x"
bus = "a"
profile = "nothing-like-it"
address = "1"
"""
    keys = [line.split(": ")[0] + " " + line.split(": ")[1] for line in mistakes_of(tmp_path, text)]
    assert keys == [
        "1 gateway.id",
        "2 gateway.site",
        "4 uplink.url",
        "5 uplink.window",
        "8 bus[0].url",
        "9 bus[0].paralel",
        "12 device[0].bus",
        "15 device[0].every",
        "16 device[0].alarms.overload",
        "19 device[0].report.power.deadband",
        "20 device[1].every",
        "21 device[1].name",
        "23 device[1].profile",
        "24 device[1].address",
    ]


def test_a_broken_profile_is_told_once_with_its_own_lines(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "mine.toml").write_text("[profile]\nname = 'mine'\n", encoding="utf-8")
    text = GOOD.replace("eastron-sdm630", "mine") + SECOND.format(name="b").replace("chint-dtsu666", "mine").replace("10", "11")
    path = tmp_path / "site.toml"
    path.write_text(text + '[profiles]\ndirectories = ["profiles"]\n', encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_site_with_notes(path, environ={})
    foreign = tmp_path / "profiles" / "mine.toml"
    assert all(line.startswith(f"{foreign}:") for line in caught.value.mistakes)
    assert f"{foreign}:1: profile.maker: is missing" in caught.value.mistakes
    assert len(set(caught.value.mistakes)) == len(caught.value.mistakes)


def test_a_mistake_cannot_paint_the_terminal(tmp_path: Path) -> None:
    found = mistakes_of(tmp_path, GOOD + '"\\u001b[31m\\u202e" = 1\n')
    assert len(found) == 1
    assert "\\x1b[31m\\u202e" in found[0]
    assert found[0].isprintable()
