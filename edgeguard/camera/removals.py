"""The word that something of what was kept is gone, or was never written."""

from collections.abc import Callable, Sequence

import orjson

from edgeguard.camera.reports import Report
from edgeguard.camera.shelf import Gone
from edgeguard.control.camera_views import SightingView
from edgeguard.core.camera_limits import REMOVALS_TOLD_AT_ONCE
from edgeguard.core.clock import Stamp


def tell_gone(gone: Sequence[Gone], now: Stamp, tell: Callable[[Report], None]) -> None:
    """Reports for each reason, of no more pieces than a request to the daemon takes: a shorter age may take thousands at once."""
    for reason in sorted({piece.reason for piece in gone}):
        ids = [piece.stem for piece in gone if piece.reason == reason]
        for start in range(0, len(ids), REMOVALS_TOLD_AT_ONCE):
            facts = orjson.dumps({"reason": reason, "ids": ids[start : start + REMOVALS_TOLD_AT_ONCE]}).decode()
            identity = f"removed-{now.boot_ms}-{reason}" if start == 0 else f"removed-{now.boot_ms}-{reason}-{start}"
            tell(Report(SightingView(identity, "evidence-removed", now.wall_ms, now.boot_ms, now.boot, now.synced, facts)))
