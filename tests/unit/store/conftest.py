"""Fixtures of the store's tests."""

import pytest


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer's pauses become too short to be felt."""
    monkeypatch.setattr("edgeguard.store.writer.STORE_RETRY_MIN_S", 0.002)
    monkeypatch.setattr("edgeguard.store.writer.STORE_RETRY_MAX_S", 0.01)
    monkeypatch.setattr("edgeguard.store.writer.DISK_LOOK_S", 0.002)
    monkeypatch.setattr("edgeguard.store.writer.STORE_LOOK_S", 0.05)
