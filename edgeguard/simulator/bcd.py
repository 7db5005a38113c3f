"""Figures as meters write them: packed decimal digits, the low byte first, a sign in the topmost bit where there is one."""


def bcd(value: float, size: int, decimals: int = 0, *, signed: bool = False) -> bytes:
    """`value` in `size` bytes with so many places behind the point; a counter that is full begins anew."""
    digits = 2 * size - (1 if signed else 0)
    scaled = round(abs(value) * 10**decimals)
    # the sign takes the highest bit of the highest digit, which then goes to 7 only
    limit = 8 * 10**digits if signed else 10**digits
    data = bytearray.fromhex(f"{scaled % limit:0{2 * size}d}")[::-1]
    if signed and value < 0 and scaled:
        data[-1] |= 0x80
    return bytes(data)


def digits_low_first(digits: str) -> bytes:
    """An address as its meter sends it: `000000000161` begins with 61."""
    return bytes.fromhex(digits)[::-1]


def matches(asked: bytes, own: bytes) -> bool:
    """Whether an address of the same length means this one: nibbles AH stand for any digit."""
    if len(asked) != len(own):
        return False
    return all(
        a in (0xA, b) for one, other in zip(asked, own, strict=True) for a, b in ((one >> 4, other >> 4), (one & 15, other & 15))
    )
