"""`profile diff DEVICE --write FILE`: what a device has taught becomes a profile of its own. Returns an exit code."""

from collections.abc import Sequence
from pathlib import Path

from edgeguard.cli.bus import device_view
from edgeguard.cli.output import console, print_json
from edgeguard.cli.profile_new import write_new
from edgeguard.cli.session import Exit, Session
from edgeguard.cli.text import clean
from edgeguard.config import ProfileLibrary, examine_profile
from edgeguard.config.profile_merge import with_limits
from edgeguard.core.errors import ConfigError


def profile_write(session: Session, name: str, path: Path, directories: Sequence[Path]) -> Exit:
    """A copy of the device's profile with the learned limits, under the file's name; 1 when there is nothing to change.

    Nothing is written over a file that is there, and nothing that is not in order.
    """
    view = device_view(session, name)
    learned = view.learned
    if learned is None or all(line.startswith("#") for line in learned.profile_lines):
        console().print(session.lang.say("# 无需修改模板", "# nothing has to change in the profile"))
        return Exit.WRONG
    library = ProfileLibrary.at_hand(*directories)
    if path.suffix != ".toml":
        raise ConfigError((f"{path}:1: file: the name of a profile's file ends in .toml",))
    if path.stem in library.names():
        raise ConfigError((f"{path}:1: file: there is a profile called {path.stem} already; choose another name",))
    if view.profile not in library.names():
        raise ConfigError((f"{view.profile}.toml:1: file: this profile is the site's own; --profiles DIR says where it is",))
    source = library.path(view.profile)
    text = with_limits(source.read_text(encoding="utf-8"), learned.section, learned.profile_lines, path.stem)
    examine_profile(path, text)
    write_new(path, text)
    if session.json:
        print_json({"device": view.device, "profile": path.stem, "file": str(path), "lines": learned.profile_lines})
        return Exit.FINE
    console().print(session.lang.say(f"✓ 已写入 {path}", f"✓ {path} written"), soft_wrap=True)
    for line in learned.profile_lines:
        console().print(f"  {clean(line, 4000)}", soft_wrap=True)
    zh = f'在站点文件中将设备 {clean(name)} 改为 profile = "{path.stem}",文件夹列入 [profiles] directories'
    en = f'name it in the site file, profile = "{path.stem}" at device {clean(name)}, and its folder in [profiles] directories'
    console().print(session.lang.say(zh, en), soft_wrap=True)
    return Exit.FINE
