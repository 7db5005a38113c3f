"""`simulate`: what is written wrongly on its command line is bad usage, told before anything is opened."""

from pathlib import Path

import pytest
from cli_kit import desk


@pytest.mark.parametrize(
    ("fault", "words"), [("nobody=dead", 'there is no "nobody"; targets are building'), ("building=broken", "is no kind of fault")]
)
def test_a_fault_that_cannot_be_is_bad_usage(tmp_path: Path, fault: str, words: str) -> None:
    site = tmp_path / "site.toml"
    site.write_text('[gateway]\nsite = "a"\nid = "b"\n', encoding="utf-8")
    with desk() as here:
        printed = here.type("simulate", str(site), "--fault", fault, "--seconds", "0.1", width=200)
    assert (printed.code, words in printed.err) == (2, True)
