"""No public address is dialled that nobody has allowed, whatever a name leads to today."""

import socket
from typing import Any

import pytest

from edgeguard.uplink.dial import dial
from edgeguard.uplink.trouble import LinkTrouble, TroubleKind

Found = list[tuple[Any, ...]]


def _leads_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """A resolver that knows these, and a network that answers at none; what is dialled."""
    dialled: list[str] = []

    def resolve(_host: str, port: int, **_: Any) -> Found:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    def connect(place: tuple[str, int], **_: Any) -> socket.socket:
        dialled.append(place[0])
        raise ConnectionRefusedError

    monkeypatch.setattr("edgeguard.uplink.dial.socket.getaddrinfo", resolve)
    monkeypatch.setattr("edgeguard.uplink.dial.socket.create_connection", connect)
    return dialled


def test_a_name_that_leads_abroad_is_not_dialled_and_the_line_to_write_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    dialled = _leads_to(monkeypatch, "203.0.113.7", "2606:4700::1")

    with pytest.raises(
        LinkTrouble, match=r"mqtt\.example \(203\.0\.113\.7\) is at a public address.*allow_public = true"
    ) as refused:
        dial("mqtt.example", 8883, 1.0, allow_public=False)

    assert refused.value.trouble.kind is TroubleKind.PERSON
    assert dialled == []


def test_of_several_only_those_inside_are_dialled(monkeypatch: pytest.MonkeyPatch) -> None:
    dialled = _leads_to(monkeypatch, "203.0.113.7", "10.0.0.5", "10.0.0.6", "10.0.0.5")

    with pytest.raises(ConnectionRefusedError):
        dial("mqtt.example", 8883, 1.0, allow_public=False)

    assert dialled == ["10.0.0.5", "10.0.0.6"]


def test_with_the_word_all_are_dialled(monkeypatch: pytest.MonkeyPatch) -> None:
    dialled = _leads_to(monkeypatch, "203.0.113.7", "10.0.0.5")

    with pytest.raises(ConnectionRefusedError):
        dial("mqtt.example", 8883, 1.0, allow_public=True)

    assert dialled == ["203.0.113.7", "10.0.0.5"]
