"""The trouble that a camera may be in."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from edgeguard.core.point import Labels


class Blindness(StrEnum):
    """Why a camera does not see what it should; the value is the code of its health event."""

    LOST = "lost"
    """No picture for a while: no connection, or one over which nothing comes."""
    FROZEN = "frozen"
    BLACK = "black"
    COVERED = "covered"
    BLURRED = "blurred"
    MOVED = "moved"
    """It shows another view than before: floors, lanes and masks are no longer where they were drawn."""
    RESTLESS = "restless"
    """Rain, snow or a shaking pole: too much moves at once to judge by."""
    DAMAGED = "damaged"
    """Packets are lost or broken on the way: many pictures are whole only in part."""
    OVERLOAD = "overload"
    """The machine cannot keep up: pictures are left out."""
    UNSEALED = "unsealed"
    """The key of its pictures could not be used when its process started: evidence is kept, but lies open on the disk."""
    UNLISTED = "unlisted"
    """The list of its evidence cannot be written: new pieces are kept, but not on it, and none may be removed."""
    FAILED = "failed"
    """Its process does not run."""


OF_EVIDENCE: Final = frozenset({Blindness.UNSEALED, Blindness.UNLISTED})
"""Troubles of what is kept, not of what is seen."""
SEEING: Final = frozenset({Blindness.RESTLESS, Blindness.DAMAGED, Blindness.OVERLOAD}) | OF_EVIDENCE
"""Troubles of a camera whose pictures are as they should be all the same."""

BLIND_WORDS: Final[Mapping[Blindness, Labels]] = MappingProxyType(
    {
        Blindness.LOST: Labels(zh="没有图像", en="gives no picture"),
        Blindness.FROZEN: Labels(zh="画面冻结", en="shows the same picture again and again"),
        Blindness.BLACK: Labels(zh="画面全黑", en="shows black"),
        Blindness.COVERED: Labels(zh="镜头被遮挡", en="is covered"),
        Blindness.BLURRED: Labels(zh="画面模糊", en="is blurred"),
        Blindness.MOVED: Labels(zh="镜头已移位,需要重新标定", en="has been moved and must be set up again"),
        Blindness.RESTLESS: Labels(zh="雨雪或抖动,暂时无法判断", en="sees too much move at once (rain, snow, a shaking pole)"),
        Blindness.DAMAGED: Labels(zh="码流损坏或丢包,画面残缺", en="gives a damaged stream: many of its pictures are not whole"),
        Blindness.OVERLOAD: Labels(zh="处理能力不足,正在丢帧", en="gives more pictures than this machine can look at"),
        Blindness.UNSEALED: Labels(zh="图片密钥不可用,证据未加密保存", en="keeps its evidence unsealed, for want of a key"),
        Blindness.UNLISTED: Labels(zh="证据清单无法写入,旧证据不能清理", en="cannot list its evidence, and removes none"),
        Blindness.FAILED: Labels(zh="处理进程未运行", en="has no process that looks at it"),
    }
)
