"""Ogg Vorbis, the same bytes every time.

libsndfile numbers each stream at random; the pages are renumbered here and their checksums redone.

References:
    RFC 3533, "The Ogg Encapsulation Format Version 0", section 6 (page header and CRC).
"""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import soundfile

from aigc_assets.errors import UsageError
from aigc_assets.types import Sound

_BLOCK = 32_768  # libvorbis keeps a block on the stack; long ones overflow it
_COMPRESSION = 0.4  # libsndfile's scale 0..1, about quality 6 of oggenc
_SERIAL = 1
_RATES = (8_000, 200_000)  # Hz; outside of libvorbis' modes libsndfile crashes instead of refusing


def export_ogg(asset: Sound, name: str) -> dict[str, bytes]:
    """Write ``<name>.ogg``. The loop points stay behind: WAV carries them.

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
    return {f"{name}.ogg": renumber(buffer.getvalue())}


def renumber(data: bytes, serial: int = _SERIAL) -> bytes:
    """Give all pages of a single Ogg stream the serial number ``serial`` and a right checksum.

    Raises:
        ValueError: If ``data`` is not a sequence of whole Ogg pages.
    """
    out = bytearray(data)
    at = 0
    while at < len(out):
        if out[at : at + 4] != b"OggS" or at + 27 > len(out):
            raise ValueError(f"no Ogg page at byte {at}")
        header = 27 + out[at + 26]
        size = header + sum(out[at + 27 : at + header])
        if at + size > len(out):
            raise ValueError(f"the Ogg page at byte {at} is cut off")
        struct.pack_into("<I", out, at + 14, serial)
        struct.pack_into("<I", out, at + 22, 0)
        struct.pack_into("<I", out, at + 22, ogg_crc(bytes(out[at : at + size])))
        at += size
    return bytes(out)


_MIRRORED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def ogg_crc(page: bytes) -> int:
    """CRC-32 of an Ogg page: polynomial 0x04c11db7, start 0, no reflection, no final inversion.

    zlib's CRC has the same polynomial, reflected, with start and end inverted. Mirroring the bits
    of every byte undoes the reflection; the inversions cancel against the CRC of as many zeros.
    """
    reflected = zlib.crc32(page.translate(_MIRRORED)) ^ zlib.crc32(bytes(len(page)))
    return int(f"{reflected:032b}"[::-1], 2)
