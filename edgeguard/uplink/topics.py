"""Where things go below `edgeguard/v1/{site}/{gateway}`; the platform's side of these names is fixed."""

from dataclasses import dataclass

from edgeguard.core.ids import GatewayId, SiteId
from edgeguard.core.item import Stream

HISTORY = "history"


@dataclass(frozen=True, slots=True)
class Topics:
    """All topics of one gateway."""

    root: str

    @classmethod
    def of(cls, site: SiteId, gateway: GatewayId) -> "Topics":
        """The topics of this gateway; both ids fit `core.ids.ID_PATTERN`, so no level can hold a wildcard."""
        return cls(f"edgeguard/v1/{site}/{gateway}")

    @property
    def status(self) -> str:
        """Retained: online or not; also the will."""
        return f"{self.root}/status"

    def page(self, subtopic: str) -> str:
        """A page of the catalog: `catalog` or below it."""
        return f"{self.root}/{subtopic}"

    def stream(self, stream: Stream) -> str:
        """A stream's live topic."""
        return f"{self.root}/{stream.value}"

    @property
    def commands(self) -> str:
        """Commands come below it, one level each."""
        return f"{self.root}/commands"

    @property
    def replies(self) -> str:
        """Answers to commands; response topics must lie below it."""
        return f"{self.root}/replies"

    @property
    def history(self) -> str:
        """Telemetry that could not be sent while it was young."""
        return f"{self.root}/{HISTORY}"
