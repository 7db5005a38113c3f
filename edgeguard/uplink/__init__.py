"""The link to the platform: MQTT 5 or 3.1.1, TLS, streams from the outbox, verdicts of the broker. The only room that uses paho.

Knows the outbox through `core.ports` alone; never calls a driver.
"""

from edgeguard.uplink.catalog import Catalog, Page, build_catalog
from edgeguard.uplink.uplink import Tempo, Uplink, UplinkState

__all__ = ["Catalog", "Page", "Tempo", "Uplink", "UplinkState", "build_catalog"]
