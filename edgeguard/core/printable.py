"""Text from outside made harmless to a terminal: whatever could move a cursor, turn direction or hide is spelled out. Pure."""


def printable(text: str, keep: str = "") -> str:
    """`text` with every character that is not printable, nor in `keep`, as its escape (`\\x1b`)."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in keep else spelled(char) for char in text)


def spelled(char: str) -> str:
    """One character as its escape."""
    return char.encode("unicode_escape").decode("ascii")


def spelled_name(name: str) -> str:
    """The name of a file as text that is always UTF-8: bytes of it that are not become `\\xe9`."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
