"""Addresses of meters in a site: digits as on the label, each once on a bus, wildcards only where nobody else hears."""

from pathlib import Path

import pytest

from edgeguard.config import ProfileLibrary, load_site
from edgeguard.core.errors import ConfigError
from edgeguard.core.line import Station

PROFILE = """\
[profile]
name = "{name}"
maker = "M"
model = "M"
kind = "electricity-meter"
protocol = "{protocol}"
labels = {{ zh = "表", en = "Meter" }}
source = "s"
trust = "t"
{more}
[[point]]
name = "x"
{point}
labels = {{ zh = "表", en = "Meter" }}
"""
SITE = """\
[gateway]
site = "a"
id = "b"
[[bus]]
name = "wire"
url = "{url}"
"""
DEVICE = '[[device]]\nname = "{name}"\nbus = "wire"\nprofile = "{profile}"\naddress = {address}\nevery = "1m"\n'
POINTS = {
    "dlt645": ("", 'data = "00010000"'),
    "cjt188": ("", 'data = "901F"\nitem = "volume"\nunit = "m3"'),
    "heat": ("[cjt188]\nform = 'heat'", 'data = "901F"\nitem = "energy"\nunit = "kWh"'),
    "modbus": ("", 'table = "holding"\naddress = 1\ntype = "int16"'),
}


@pytest.fixture
def library(tmp_path: Path) -> ProfileLibrary:
    folder = tmp_path / "profiles"
    folder.mkdir()
    for name, (more, point) in POINTS.items():
        protocol = "cjt188" if name == "heat" else name
        (folder / f"{name}.toml").write_text(PROFILE.format(name=name, protocol=protocol, more=more, point=point), encoding="utf-8")
    return ProfileLibrary((folder,))


def stations(
    tmp_path: Path, library: ProfileLibrary, *devices: tuple[str, str], url: str = "rtu+tcp://10.0.0.1:26"
) -> list[Station]:
    text = SITE.format(url=url)
    for i, (profile, address) in enumerate(devices):
        text += DEVICE.format(name=f"d{i}", profile=profile, address=address)
    (tmp_path / "site.toml").write_text(text, encoding="utf-8")
    return [device.address for device in load_site(tmp_path / "site.toml", library).devices]


def test_addresses_are_taken_as_they_are_written_on_the_label(tmp_path: Path, library: ProfileLibrary) -> None:
    found = stations(
        tmp_path,
        library,
        ("modbus", "1"),
        ("dlt645", '"000012345678"'),
        ("cjt188", '"78330011223344"'),
        ("heat", '"78330011223344"'),
        ("cjt188", '"1978330011223344"'),
    )
    assert found == [1, "000012345678", "1078330011223344", "2078330011223344", "1978330011223344"]


def test_wildcards_may_stand_alone_with_devices_of_other_protocols(tmp_path: Path, library: ProfileLibrary) -> None:
    found = stations(tmp_path, library, ("modbus", "1"), ("dlt645", '"AAAAAAAAAAAA"'), ("cjt188", '"AAAAAAAAAAAAAA"'))
    assert found == [1, "A" * 12, "10" + "A" * 14]


SHARED = '"AAAAAAAAAAAA"\nshared_address = true'


def test_a_wildcard_may_share_the_address_of_one_meter(tmp_path: Path, library: ProfileLibrary) -> None:
    assert stations(tmp_path, library, ("dlt645", '"000012345678"'), ("dlt645", SHARED)) == ["000012345678", "A" * 12]
    shared = '"000012345678"\nshared_address = true'
    assert stations(tmp_path, library, ("dlt645", '"AAAAAAAAAAAA"'), ("dlt645", shared)) == ["A" * 12, "000012345678"]


def test_a_wildcard_shares_no_address_with_two_meters(tmp_path: Path, library: ProfileLibrary) -> None:
    """Either would answer to it, and its values would be those of the one or of the other."""
    with pytest.raises(ConfigError) as caught:
        stations(tmp_path, library, ("dlt645", '"000000000001"'), ("dlt645", '"000000000002"'), ("dlt645", SHARED))
    (mistake,) = caught.value.mistakes
    assert "device[2].address: AAAAAAAAAAAA calls everybody, but bus wire has 2 other meters of this protocol" in mistake


@pytest.mark.parametrize(
    ("devices", "sentence"),
    [
        ([("dlt645", "12345678")], "11: device[0].address: must be the digits on the meter's label"),
        ([("dlt645", "12")], '11: device[0].address: must be the digits on the meter\'s label, in quotes, such as "000012345678"'),
        ([("dlt645", '"12345678"')], 'no address of a DL/T 645 meter: write the 12 digits on its label, with zeros in front'),
        ([("dlt645", '"00001234567B"')], "write the 12 digits on its label; A stands for any digit"),
        ([("dlt645", '"999999999999"')], "is the broadcast address, which no meter answers"),
        ([("cjt188", '"12345678"')], "is no address of a CJ/T 188 meter: write the 14 digits on its label, or 16"),
        ([("modbus", '"000012345678"')], "device[0].address: must be a whole number, not a text"),
        (
            [("dlt645", '"000012345678"'), ("dlt645", '"000012345678"')],
            "17: device[1].address: address 000012345678 on bus wire is already used in line 11; if one device",
        ),
        (
            [("dlt645", '"000012345678"'), ("dlt645", '"AAAAAAAAAAAA"')],
            "17: device[1].address: AAAAAAAAAAAA calls everybody, but bus wire has 1 other meter of this protocol",
        ),
    ],
)  # fmt: skip
def test_each_mistake_is_told_with_its_line(
    tmp_path: Path, library: ProfileLibrary, devices: list[tuple[str, str]], sentence: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        stations(tmp_path, library, *devices)
    assert sentence in caught.value.mistakes[0]
    assert len(caught.value.mistakes) == 1


def test_a_meter_needs_a_serial_line(tmp_path: Path, library: ProfileLibrary) -> None:
    with pytest.raises(ConfigError, match=r"device\[0\].bus: tcp:// carries Modbus only; a meter needs a serial port"):
        stations(tmp_path, library, ("dlt645", '"000012345678"'), url="tcp://10.0.0.1")


def test_a_password_comes_from_a_file_of_its_own(tmp_path: Path, library: ProfileLibrary) -> None:
    secret = tmp_path / "meter"
    secret.write_text("02 123456 00000001", encoding="utf-8")
    secret.chmod(0o644)
    text = SITE.format(url="rtu+tcp://10.0.0.1:26") + DEVICE.format(name="d", profile="dlt645", address='"000012345678"')
    (tmp_path / "site.toml").write_text(text + 'password_file = "meter"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="others can read a secret"):
        load_site(tmp_path / "site.toml", library)
    secret.chmod(0o600)
    assert load_site(tmp_path / "site.toml", library).devices[0].password_file == secret
    modbus = text.replace("dlt645", "modbus").replace('"000012345678"', "1")
    (tmp_path / "site.toml").write_text(modbus + 'password_file = "meter"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="password_file: makes no sense here"):
        load_site(tmp_path / "site.toml", library)


def test_a_meter_on_a_line_of_seven_data_bits_needs_eight_of_its_own(tmp_path: Path, library: ProfileLibrary) -> None:
    """ASCII frames are content with seven; the bytes of a meter's frame are not."""
    wire = 'port = "/dev/ttyS9"\nframing = "ascii"\ndatabits = 7\nparity = "E"\n'
    head = '[gateway]\nsite = "a"\nid = "b"\n[[bus]]\nname = "wire"\n' + wire
    path = tmp_path / "site.toml"
    modbus = DEVICE.format(name="m", profile="modbus", address=1)
    for profile, address in (("dlt645", '"000012345678"'), ("cjt188", '"78330011223344"')):
        meter = DEVICE.format(name="d", profile=profile, address=address)
        path.write_text(head + modbus + meter, encoding="utf-8")
        with pytest.raises(ConfigError) as caught:
            load_site(path, library)
        assert len(caught.value.mistakes) == 1
        assert "18: device[1].bus: bus wire has seven data bits" in caught.value.mistakes[0]
        path.write_text(head + modbus + meter + "databits = 8\n", encoding="utf-8")
        line = load_site(path, library).devices[1].line
        assert line is not None
        assert line.data_bits == 8
        path.write_text(head + modbus + meter + "databits = 7\n", encoding="utf-8")
        with pytest.raises(ConfigError, match=r"device\[1\].databits: must be 8"):
            load_site(path, library)
