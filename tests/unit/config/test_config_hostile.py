"""Files that want to break the reader: too deep, too long, too large. Each is refused in a sentence, soon, with its line."""

from pathlib import Path

import pytest

from edgeguard.config import load_profile, load_site
from edgeguard.core.errors import ConfigError
from edgeguard.core.limits import CONFIG_MAX_BYTES, CONFIG_MAX_DEPTH, CONFIG_MISTAKE_CHARS

HEAD = '[gateway]\nsite = "s"\nid = "g"\n'
"""Three lines."""

POINT = '[[point]]\nname = "x"\ntable = "holding"\naddress = 0\ntype = "uint16"\nlabels = {{ zh = "x", en = "x" }}\n{}\n'


def mistakes(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "site.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_site(path)
    return [line.removeprefix(f"{path}:") for line in caught.value.mistakes]


def dotted(parts: int, part: str = "a") -> str:
    return ".".join([part] * parts)


@pytest.mark.parametrize("part", ["a", '"a"', "'a'", '"a.b"', '"a\\"b"'])
@pytest.mark.parametrize("form", ["{} = 1", "[{}]", "[[{}]]", "x = {{ {} = 1 }}"])
def test_a_key_of_too_many_parts(tmp_path: Path, form: str, part: str) -> None:
    found = mistakes(tmp_path, HEAD + form.format(dotted(1500, part)) + "\n")
    assert found == [f"4: file: a key has more than {CONFIG_MAX_DEPTH} parts"]


def test_a_key_as_long_as_the_file(tmp_path: Path) -> None:
    assert len(mistakes(tmp_path, dotted(CONFIG_MAX_BYTES // 2 - 4) + " = 1")) == 1


def test_headers_keys_and_inline_tables_add_up(tmp_path: Path) -> None:
    inner = f"{{ {dotted(40)} = {{ {dotted(40)} = 1 }} }}"
    assert mistakes(tmp_path, f"[{dotted(40)}]\n{dotted(40, 'b')} = {inner}\n") == [
        f"1: file: nests tables deeper than {CONFIG_MAX_DEPTH} levels"
    ]


def test_dots_in_texts_and_comments_are_no_keys(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    dots = "." * 500
    path.write_text(f'# {dots}\n{HEAD}labels = {{ zh = "{"." * 150}", en = "a{"." * 150}" }}  # {dots}\n', encoding="utf-8")
    assert load_site(path).labels.en.startswith("a.")


@pytest.mark.parametrize("number", ["0x" + "f" * 6000, "9" * 400, str(2**64), str(-(2**63) - 1)])
def test_a_number_beyond_every_register(tmp_path: Path, number: str) -> None:
    assert mistakes(tmp_path, f"{HEAD}[log]\nlevel = {number}\n") == [
        "5: log.level: is out of range: a whole number has 64 bits at most"
    ]


def test_a_long_choice_is_no_number(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text(POINT.format(f'choices = {{ "{"1" * 5000}" = {{ zh = "a", en = "b" }} }}'), encoding="utf-8")
    with pytest.raises(ConfigError, match="is not a whole number"):
        load_profile(path)


@pytest.mark.parametrize("key", ["-0", "+1", "01", "1_0", "-", "", "٣", "²"])
def test_a_choice_is_written_in_one_way(tmp_path: Path, key: str) -> None:
    path = tmp_path / "p.toml"
    path.write_text(POINT.format(f'choices = {{ "{key}" = {{ zh = "a", en = "b" }} }}'), encoding="utf-8")
    with pytest.raises(ConfigError, match="is not a whole number"):
        load_profile(path)


def test_a_long_text_is_not_repeated_in_full(tmp_path: Path) -> None:
    found = mistakes(tmp_path, f'[gateway]\nsite = "{"x" * 100_000}"\nid = "g"\n')
    assert len(found) == 1
    assert found[0].endswith('such as "pump-1"')
    assert len(found[0]) <= CONFIG_MISTAKE_CHARS + 10


@pytest.mark.parametrize("folder", ["a" * 300, "a/" * 1900, "\\u0000", "/dev/null", "/dev/null/x"])
def test_a_folder_of_profiles_that_cannot_be_one(tmp_path: Path, folder: str) -> None:
    found = mistakes(tmp_path, f'{HEAD}[profiles]\ndirectories = ["{folder}"]\n')
    assert [line.partition(": ")[0] for line in found] == ["5"]


def test_a_credential_with_a_control_character(tmp_path: Path) -> None:
    uplink = '[uplink]\nurl = "mqtts://h"\nca = "${CREDENTIALS_DIRECTORY}/\\u0000"\n'
    assert "6: uplink.ca: must be a path without control characters" in mistakes(tmp_path, HEAD + uplink)


def test_an_operator_is_a_user_of_the_machine(tmp_path: Path) -> None:
    found = mistakes(tmp_path, f'{HEAD}[control]\noperators = ["Li Wei"]\n')
    assert found == ['5: control.operators[0]: "Li Wei" is not the name of a Unix user, such as "liwei"']
