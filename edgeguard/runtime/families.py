"""Which families of rules look at a site: the one list, for the daemon and for whoever replays a recording."""

from typing import Protocol

from edgeguard.core.site import Site
from edgeguard.runtime.domain_watch import DomainWatch
from edgeguard.runtime.energy_watch import EnergyWatch
from edgeguard.runtime.hints_watch import HintsWatch
from edgeguard.runtime.watches import Restful, Watch


class Family(Watch, Restful, Protocol):
    """A family of rules that can be asked which rounds it will leave out."""


def watches_of(site: Site) -> tuple[Family, ...]:
    """The families, in the order in which they are shown each round."""
    domain = DomainWatch(site)
    return (domain, HintsWatch(site.maintenance, domain), EnergyWatch(site.energy))
