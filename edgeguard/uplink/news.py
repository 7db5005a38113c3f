"""Health news of the uplink, in two languages; told on changes only."""

from edgeguard.core.health import Health
from edgeguard.core.point import Labels
from edgeguard.uplink.lane import Word
from edgeguard.uplink.trouble import Trouble, reason_words

SOURCE = "uplink"


def connected(version: str) -> Health:
    """A session with the broker."""
    text = Labels(f"已连接平台(MQTT {version})", f"connected to the broker (MQTT {version})")
    return Health(SOURCE, "connected", ok=True, text=text)


def disconnected(trouble: Trouble) -> Health:
    """No session, and why."""
    return Health(SOURCE, trouble.code, ok=False, text=trouble.text, detail=trouble.detail)


def not_renewed(trouble: Trouble) -> Health:
    """Certificates, keys or passwords were renewed and do not do: the session goes on with those of before."""
    text = Labels(
        f"{trouble.text.zh};新文件未启用,现有会话继续",
        f"{trouble.text.en}: the new files are not used, and the session goes on with those of before",
    )
    return Health(SOURCE, trouble.code, ok=False, text=text, detail=trouble.detail)


def fallback(detail: str) -> Health:
    """The broker speaks 3.1.1 only: refusals have no reasons there."""
    text = Labels(
        "平台不支持 MQTT 5,已改用 3.1.1,无法得知拒收原因",
        "the broker does not speak MQTT 5: fell back to 3.1.1, which cannot say why a message is refused",
    )
    return Health(SOURCE, "fallback", ok=False, text=text, detail=detail)


def version_5_again() -> Health:
    """The fallback is over."""
    text = Labels("平台现已支持 MQTT 5", "the broker speaks MQTT 5 now")
    return Health(SOURCE, "fallback", ok=True, text=text)


def lane_word(topic: str, word: Word, code: int) -> Health:
    """A lane that stopped, or flows again."""
    words = reason_words(code)
    match word:
        case Word.FLOWS:
            text = Labels("平台恢复接收", "the broker takes messages of this stream again")
            return Health(SOURCE, "stream-refused", ok=True, text=text, detail=topic)
        case Word.BLOCKED:
            text = Labels(
                f"平台拒收整个数据流,数据保留在本机:{words.zh}",
                f"the broker refuses the whole stream, its items are kept here: {words.en}",
            )
        case Word.REFUSED:
            text = Labels(f"平台暂时拒收:{words.zh}", f"the broker does not take messages for now: {words.en}")
    return Health(SOURCE, "stream-refused", ok=False, text=text, detail=topic)


def notice_refused(topic: str, code: int) -> Health:
    """A retained message (status, catalog) was refused."""
    words = reason_words(code)
    text = Labels(f"平台拒收保留消息:{words.zh}", f"the broker refuses a retained message: {words.en}")
    return Health(SOURCE, "notice-refused", ok=False, text=text, detail=topic)


def commands_refused(code: int) -> Health:
    """The subscription to the command topics: refused with this reason code, or granted again (0)."""
    if not code:
        granted = Labels("平台已允许接收命令", "the broker lets commands through again")
        return Health(SOURCE, "commands-refused", ok=True, text=granted)
    words = reason_words(code)
    text = Labels(
        f"平台不允许本机订阅命令,收不到任何命令:{words.zh}",
        f"the broker refuses the subscription to the commands, none will come: {words.en}",
    )
    return Health(SOURCE, "commands-refused", ok=False, text=text)
