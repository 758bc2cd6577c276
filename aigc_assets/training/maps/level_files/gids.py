"""The cells of a Tiled layer: lists of numbers, or base64 with or without compression."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import DataError

_FLIPS = 0xF0000000
"""Mirrored three ways, and turned by 120 degrees on hexagonal maps."""

_WINDOW = {"zlib": zlib.MAX_WBITS, "gzip": 16 + zlib.MAX_WBITS}


def from_numbers(numbers: Sequence[object], count: int, where: str) -> NDArray[np.int64]:
    """Gids without flips from a list of numbers, [count].

    Raises:
        DataError: If there are more or fewer, or if something else stands among them.
    """
    if len(numbers) != count:
        raise DataError(f"a layer has {len(numbers)} cells instead of {count}", where=where)
    if not all(type(number) is int and 0 <= number < 2**32 for number in numbers):
        raise DataError("a layer holds something that is no tile number", where=where)
    gids: NDArray[np.int64] = np.array(numbers, dtype=np.int64) & ~_FLIPS
    return gids


def from_text(
    text: str, encoding: str, compression: str, count: int, where: str
) -> NDArray[np.int64]:
    """Gids without flips from the text of a layer, [count].

    Args:
        text: Content of the data element, or of ``data`` in JSON.
        encoding: ``csv`` or ``base64``.
        compression: ``""``, ``zlib`` or ``gzip``; only for base64.
        count: Cells that the layer must have; no more bytes are unpacked than these need.
        where: File, for errors.

    Raises:
        DataError: If the encoding is not known, or if the data is damaged or of another size.
    """
    if encoding == "csv":
        fields = [field.strip() for field in text.split(",")]
        if not all(field.isascii() and field.isdigit() and len(field) <= 10 for field in fields):
            raise DataError("a layer holds something that is no tile number", where=where)
        return from_numbers([int(field) for field in fields], count, where)
    if encoding != "base64":
        raise DataError(f"a layer is in the encoding {encoding!r}, which is not read", where=where)
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise DataError(f"a layer is damaged: {error}", where=where) from error
    if compression:
        data = _unpacked(data, compression, 4 * count, where)
    if len(data) != 4 * count:
        raise DataError(f"a layer has {len(data) / 4:g} cells instead of {count}", where=where)
    gids: NDArray[np.int64] = np.frombuffer(data, dtype="<u4").astype(np.int64) & ~_FLIPS
    return gids


def _unpacked(data: bytes, compression: str, size: int, where: str) -> bytes:
    if compression not in _WINDOW:
        raise DataError(
            f"a layer is compressed with {compression!r}, which is not read",
            where=where,
            remedy="save it as CSV or zlib",
        )
    unpacker = zlib.decompressobj(wbits=_WINDOW[compression])
    try:
        # One byte more than wanted: what unpacks to gigabytes stops there.
        found = unpacker.decompress(data, size + 1)
    except zlib.error as error:
        raise DataError(f"a layer is damaged: {error}", where=where) from error
    if len(found) > size:
        raise DataError("a layer unpacks to more cells than the map has", where=where)
    if not unpacker.eof:
        raise DataError("a layer is cut off", where=where)
    return found
