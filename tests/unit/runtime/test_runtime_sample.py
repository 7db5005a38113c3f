"""No daemon starts with the shipped example: its ids and its broker are everybody's."""

import signal
from collections.abc import Iterator

import pytest

from edgeguard.config import shipped_configs
from edgeguard.runtime.daemon import run


@pytest.fixture
def hang_up_as_before() -> Iterator[None]:
    """The daemon ignores SIGHUP until it can reload; this process goes on afterwards."""
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hang_up_as_before")
def test_the_daemon_ends_with_the_sample_and_says_which_line_to_remove(capsys: pytest.CaptureFixture[str]) -> None:
    sample = shipped_configs() / "site.example.toml"

    assert run(sample) == 2

    said = capsys.readouterr().err
    assert said.startswith(f"{sample}: gateway.sample: is true: this is the shipped example")
    assert "remove the line" in said
