"""Moments as people type them."""

from datetime import datetime, tzinfo

import typer


def moment_ms(text: str, zone: tzinfo | None = None) -> int:
    """`2026-11-24`, `2026-11-24T06:30`, both by the clock on the wall (of `zone`, else of this machine), or with Z or +08:00."""
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            at = at.replace(tzinfo=zone) if zone is not None else at.astimezone()
        return round(at.timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        raise typer.BadParameter(f"{text!r} is no moment such as 2026-11-24, 2026-11-24T06:30 or 2026-11-24T06:30Z") from None
