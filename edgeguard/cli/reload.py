"""`reload`: have the daemon take up its configuration file anew. Returns an exit code."""

from edgeguard.cli.output import console, print_json, styled
from edgeguard.cli.session import Exit, Session
from edgeguard.cli.text import clean
from edgeguard.control import methods
from edgeguard.control.client import call


def reload(session: Session) -> Exit:
    """The new configuration is in force; a wrong one raises CallRefused with every mistake, and the old one stays."""
    view = call(session.socket, methods.RELOAD)
    if session.json:
        print_json(view)
    else:
        told = session.lang.say("✓ 配置已生效", "✓ the configuration is in force")
        console().print(styled(told, "bold green").append(f"  {clean(view.config_sha256[:12])}", style="dim"))
    return Exit.FINE
