"""Files that are no configuration at all: told in one line, without a traceback, without being read to the end."""

from pathlib import Path

import pytest

from edgeguard.config import load_profile, load_site
from edgeguard.core.errors import ConfigError
from edgeguard.core.limits import CONFIG_MAX_BYTES, CONFIG_MAX_MISTAKES


def only_mistake(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_site(path)
    assert len(caught.value.mistakes) == 1
    return caught.value.mistakes[0].removeprefix(f"{path}:")


def test_a_missing_file(tmp_path: Path) -> None:
    assert only_mistake(tmp_path / "site.toml") == "1: file: there is no such file"


def test_a_directory(tmp_path: Path) -> None:
    assert only_mistake(tmp_path) == "1: file: is a directory, not a configuration file"


def test_a_device_file() -> None:
    assert only_mistake(Path("/dev/zero")) == "1: file: is not a regular file"


def test_a_path_that_no_file_can_have() -> None:
    assert only_mistake(Path("a\0b")).endswith(":1: file: cannot be read: no file can have such a name")


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    with path.open("wb") as file:
        file.truncate(CONFIG_MAX_BYTES + 1)
    assert only_mistake(path) == f"1: file: is too large: {CONFIG_MAX_BYTES + 1} bytes, at most {CONFIG_MAX_BYTES} are read"


def test_bytes_that_are_not_utf8_have_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_bytes(b"[gateway]\nsite = '" + "湖".encode("gb18030") + b"'\n")
    assert only_mistake(path) == "2: column 9: byte 0xBA is not UTF-8; save the file with UTF-8 encoding"


def test_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text("[gateway]\n", encoding="utf-8-sig")
    assert only_mistake(path) == "1: column 1: starts with a byte order mark; save the file as UTF-8 without BOM"


@pytest.mark.parametrize("bomb", ["a = " + "[" * 100_000, "a = " + "{a=" * 50_000, "a = [" + "[1],[[" * 5_000])
def test_brackets_that_would_exhaust_the_stack(tmp_path: Path, bomb: str) -> None:
    path = tmp_path / "site.toml"
    path.write_text(bomb, encoding="utf-8")
    assert only_mistake(path) == "1: file: nests brackets deeper than 64 levels"


def test_a_number_with_thousands_of_digits(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text("a = " + "9" * 10_000, encoding="utf-8")
    assert "not valid TOML" in only_mistake(path)


def test_an_empty_file_says_what_belongs_in_it(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_bytes(b"")
    assert only_mistake(path) == "1: gateway: is missing: the file needs a [gateway] table with site and id"


def test_a_flood_of_mistakes_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("".join(f"k{i} = 1\n" for i in range(CONFIG_MAX_MISTAKES + 50)), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_profile(path)
    assert len(caught.value.mistakes) == CONFIG_MAX_MISTAKES + 1
    assert caught.value.mistakes[-1].endswith("and 52 more mistakes")
