"""A screenshot as a PNG of few colours, a third of the bytes. The format: w3.org/TR/png-3."""

import struct
import zlib
from collections import Counter
from collections.abc import Iterator

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOURS = 256


def packed(png: bytes) -> bytes:
    """Of eight bits a channel, without interlacing, as a browser writes it; what is transparent is not kept."""
    chunks = list(_chunks(png))
    width, height, depth, kind = struct.unpack(">IIBB", chunks[0][1][:10])
    assert (depth, kind in (2, 6)) == (8, True)
    raw = zlib.decompress(b"".join(data for name, data in chunks if name == b"IDAT"))
    rows = list(_rows(raw, width, height, 3 if kind == 2 else 4))
    palette, numbers = _palette(rows)
    body = b"".join(b"\0" + bytes(numbers[each] for each in row) for row in rows)
    made = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", b"".join(palette)),
        (b"IDAT", zlib.compress(body, 9)),
        (b"IEND", b""),
    )
    return _SIGNATURE + b"".join(_chunk(name, data) for name, data in made)


def _palette(rows: list[list[bytes]]) -> tuple[list[bytes], dict[bytes, int]]:
    """The most common colours, and the number of the one that is nearest to each colour."""
    counted = Counter(each for row in rows for each in row)
    palette = [colour for colour, _ in counted.most_common(_COLOURS)]
    numbers = {colour: n for n, colour in enumerate(palette)}
    for colour in counted.keys() - numbers.keys():
        numbers[colour] = min(range(len(palette)), key=lambda n, of=colour: _far(palette[n], of))  # type: ignore[misc]  # a default binds it
    return palette, numbers


def _far(one: bytes, other: bytes) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _rows(raw: bytes, width: int, height: int, size: int) -> Iterator[list[bytes]]:
    length = width * size
    above = bytearray(length)
    for y in range(height):
        start = y * (length + 1)
        row = bytearray(raw[start + 1 : start + 1 + length])
        _unfilter(raw[start], row, above, size)
        yield [bytes(row[x : x + 3]) for x in range(0, length, size)]
        above = row


def _unfilter(kind: int, row: bytearray, above: bytearray, size: int) -> None:
    for x in range(len(row)) if kind else ():
        left = row[x - size] if x >= size else 0
        corner = above[x - size] if x >= size else 0
        before = (left, above[x], (left + above[x]) // 2, _paeth(left, above[x], corner))[kind - 1]
        row[x] = (row[x] + before) & 0xFF


def _paeth(left: int, above: int, corner: int) -> int:
    guess = left + above - corner
    return min((left, above, corner), key=lambda each: abs(guess - each))


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += length + 12


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
