"""Ogg Vorbis, the same bytes every time.

libsndfile numbers each stream at random; the pages are written anew here with a fixed number.

References:
    RFC 3533, "The Ogg Encapsulation Format Version 0", section 6 (page header and CRC);
    Xiph.Org, "Vorbis I specification", section 5 (comment header). The loop comments are those
    that RPG Maker and several players read; both count samples.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import NamedTuple

import numpy as np
import soundfile

from aigc_assets.errors import UsageError
from aigc_assets.types import Sound

_BLOCK = 32_768  # libvorbis keeps a block on the stack; long ones overflow it
_COMPRESSION = 0.4  # libsndfile's scale 0..1, about quality 6 of oggenc
_SERIAL = 1
_HEADER = struct.Struct("<4sBBqIIIB")
_RATES = (8_000, 200_000)  # Hz; outside of libvorbis' modes libsndfile crashes instead of refusing


def export_ogg(asset: Sound, name: str) -> dict[str, bytes]:
    """Write ``<name>.ogg``; a loop becomes the comments ``LOOPSTART`` and ``LOOPLENGTH``.

    Args:
        asset: The sound.
        name: File name without suffix.

    Raises:
        UsageError: If Vorbis has no mode for this sample rate.
    """
    if not _RATES[0] <= asset.sample_rate <= _RATES[1]:
        raise UsageError(
            f"Ogg Vorbis holds {_RATES[0]}..{_RATES[1]} Hz, not {asset.sample_rate} Hz",
            where=name,
            remedy="export it as wav",
        )
    buffer = io.BytesIO()
    frames = np.ascontiguousarray(asset.samples.T)
    with soundfile.SoundFile(
        buffer,
        "w",
        samplerate=asset.sample_rate,
        channels=frames.shape[1],
        format="OGG",
        subtype="VORBIS",
        compression_level=_COMPRESSION,
    ) as out:
        for start in range(0, len(frames), _BLOCK):
            out.write(frames[start : start + _BLOCK])
    pages = read_pages(buffer.getvalue())
    if asset.loop is not None:
        start, stop = asset.loop
        pages = add_comments(pages, [f"LOOPSTART={start}", f"LOOPLENGTH={stop - start}"])
    return {f"{name}.ogg": write_pages(pages)}


class Page(NamedTuple):
    """One Ogg page: header type, granule position, lacing values and content."""

    kind: int
    granule: int
    lacing: bytes
    body: bytes


def read_pages(data: bytes) -> list[Page]:
    """Take an Ogg file apart.

    Raises:
        ValueError: If ``data`` is not a sequence of whole Ogg pages.
    """
    pages, at = [], 0
    while at < len(data):
        if data[at : at + 4] != b"OggS" or at + _HEADER.size > len(data):
            raise ValueError(f"no Ogg page at byte {at}")
        _, _, kind, granule, _, _, _, count = _HEADER.unpack_from(data, at)
        start = at + _HEADER.size + count
        lacing = data[start - count : start]
        at = start + sum(lacing)
        if len(lacing) < count or at > len(data):
            raise ValueError("the last Ogg page is cut off")
        pages.append(Page(kind, granule, lacing, data[start:at]))
    return pages


def write_pages(pages: list[Page]) -> bytes:
    """Put an Ogg file together: one stream, pages counted from 0, checksums right."""
    out = b""
    for number, (kind, granule, lacing, body) in enumerate(pages):
        numbers = (b"OggS", 0, kind, granule, _SERIAL, number)
        page = _HEADER.pack(*numbers, 0, len(lacing)) + lacing + body
        out += _HEADER.pack(*numbers, ogg_crc(page), len(lacing)) + lacing + body
    return out


def add_comments(pages: list[Page], comments: list[str]) -> list[Page]:
    """Write Vorbis comments, such as ``LOOPSTART=441``, into the second header of a stream.

    The headers after the first are laid out anew on one page; audio starts on a page of its own.
    """
    packets: list[bytes] = []
    packet, used = b"", 1
    while len(packets) < 2:  # the comment and the setup header, which may span pages
        at = 0
        for length in pages[used].lacing:
            packet += pages[used].body[at : at + length]
            at += length
            if length < 255:
                packets.append(packet)
                packet = b""
        used += 1
    comment, setup = packets
    vendor = 11 + struct.unpack_from("<I", comment, 7)[0]
    count = struct.unpack_from("<I", comment, vendor)[0]
    added = b"".join(struct.pack("<I", len(c.encode())) + c.encode() for c in comments)
    head = comment[:vendor] + struct.pack("<I", count + len(comments))
    comment = head + added + comment[vendor + 4 :]
    lacing = b"".join(b"\xff" * (len(p) // 255) + bytes([len(p) % 255]) for p in (comment, setup))
    return [pages[0], Page(0, 0, lacing, comment + setup), *pages[used:]]


_MIRRORED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def ogg_crc(page: bytes) -> int:
    """CRC-32 of an Ogg page: polynomial 0x04c11db7, start 0, no reflection, no final inversion.

    zlib's CRC has the same polynomial, reflected, with start and end inverted. Mirroring the bits
    of every byte undoes the reflection; the inversions cancel against the CRC of as many zeros.
    """
    reflected = zlib.crc32(page.translate(_MIRRORED)) ^ zlib.crc32(bytes(len(page)))
    return int(f"{reflected:032b}"[::-1], 2)
