"""The `[uplink]` section as a whole: TLS or knowingly not, files in pairs, secrets kept."""

from edgeguard.config.endpoint import Endpoint, broker_endpoint, is_loopback
from edgeguard.config.files import Files
from edgeguard.config.mistakes import Mistakes
from edgeguard.config.site_model import UplinkTable
from edgeguard.core.address import is_name, is_public
from edgeguard.core.site import UplinkSpec

_PATH = ("uplink",)


def build_uplink(raw: UplinkTable, files: Files) -> UplinkSpec | None:
    """The uplink; None after adding a mistake that leaves none. Files are looked at even when the URL is wrong."""
    mistakes = files.mistakes
    endpoint: Endpoint | None = None
    try:
        endpoint = broker_endpoint(raw.url)
    except ValueError as error:
        mistakes.add((*_PATH, "url"), str(error))
    tls = endpoint is not None and endpoint.scheme == "mqtts"
    if endpoint is not None:
        _check_transport(raw, endpoint, mistakes)
        _check_place(raw, endpoint, mistakes)
    _check_pairs(raw, mistakes)
    named = {
        key: None if written is None else files.readable(written, (*_PATH, key), secret=key in ("key", "password_file"))
        for key, written in (
            ("ca", raw.ca),
            ("certificate", raw.certificate),
            ("key", raw.key),
            ("password_file", raw.password_file),
        )
    }
    if endpoint is None:
        return None
    return UplinkSpec(
        host=endpoint.host,
        port=endpoint.port,
        tls=tls,
        ca=named["ca"],
        certificate=named["certificate"],
        key=named["key"],
        username=raw.username,
        password_file=named["password_file"],
        client_id=raw.client_id,
        protocol=raw.protocol,
        window=raw.window,
        ack_timeout_ms=raw.ack_timeout,
        history_items_per_s=raw.history_rate,
        history_delay_ms=raw.history_delay,
        allow_public=raw.allow_public,
    )


def _check_transport(raw: UplinkTable, endpoint: Endpoint, mistakes: Mistakes) -> None:
    if endpoint.scheme == "mqtts":
        if raw.allow_plaintext:
            mistakes.note((*_PATH, "allow_plaintext"), "has no effect with mqtts://; remove it")
        return
    for key in ("ca", "certificate", "key"):
        if getattr(raw, key) is not None:
            mistakes.add((*_PATH, key), "does nothing with mqtt://, which has no TLS; use mqtts:// or remove it")
    if is_loopback(endpoint.host):
        return
    if not raw.allow_plaintext:
        mistakes.add(
            (*_PATH, "url"),
            f"mqtt:// to {endpoint.host} is readable and changeable by everyone on the way;"
            " use mqtts://, or set allow_plaintext = true if that network is trusted",
        )
    else:
        what = "values, commands and the password" if raw.password_file else "values and commands"
        mistakes.note((*_PATH, "allow_plaintext"), f"{what} travel to {endpoint.host} unprotected")


def _check_place(raw: UplinkTable, endpoint: Endpoint, mistakes: Mistakes) -> None:
    """What residents' data may leave for. A public address is somewhere in the world; where, no file can tell."""
    host = endpoint.host
    if raw.allow_public:
        if is_public(host) or is_name(host):
            where = f"{host} may be anywhere in the world: what it is sent of plates and people must be allowed to go there"
        else:
            where = f"has no effect: {host} is no public address; remove it"
        mistakes.note((*_PATH, "allow_public"), where)
    elif is_public(host):
        mistakes.add(
            (*_PATH, "url"),
            f"{host} is a public address, so that plates and readings may leave the country; if they may, write allow_public = true"
            " (and name it in the unit's drop-in addresses.conf)",
        )
    elif is_name(host):
        mistakes.note(
            (*_PATH, "url"),
            f"whether {host} is a public address is known when it is resolved; the gateway dials private ones only, unless"
            " allow_public = true stands here",
        )


def _check_pairs(raw: UplinkTable, mistakes: Mistakes) -> None:
    if raw.url.startswith("mqtts://") and raw.certificate is None and raw.username is None:
        mistakes.note(_PATH, "has neither certificate nor username: the broker cannot tell this gateway from anybody else")
    for key, partner in (("certificate", "key"), ("key", "certificate"), ("password_file", "username")):
        if getattr(raw, key) is not None and getattr(raw, partner) is None:
            mistakes.add((*_PATH, key), f"needs {partner} beside it")
