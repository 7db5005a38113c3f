"""The word that something of what was kept is gone, or was never written."""

from collections.abc import Callable, Sequence

import orjson

from edgeguard.camera.reports import Report
from edgeguard.camera.shelf import Gone
from edgeguard.control.camera_views import SightingView
from edgeguard.core.clock import Stamp


def tell_gone(gone: Sequence[Gone], now: Stamp, tell: Callable[[Report], None]) -> None:
    """One report for each reason."""
    for reason in sorted({piece.reason for piece in gone}):
        facts = orjson.dumps({"reason": reason, "ids": [piece.stem for piece in gone if piece.reason == reason]}).decode()
        identity = f"removed-{now.boot_ms}-{reason}"
        tell(Report(SightingView(identity, "evidence-removed", now.wall_ms, now.boot_ms, now.boot, now.synced, facts)))
