"""WAV: 16-bit PCM, with a ``smpl`` chunk when the sound loops.

References:
    Microsoft/IBM, "Multimedia Programming Interface and Data Specifications 1.0" (RIFF WAVE);
    "New Multimedia Data Types and Data Techniques" for ``smpl``.
"""

from __future__ import annotations

import struct

import numpy as np

from aigc_assets.types import Sound

_MIDDLE_C = 60


def export_wav(asset: Sound, name: str) -> dict[str, bytes]:
    """Write ``<name>.wav``.

    Samples are scaled by 32767 and rounded to nearest. The loop end in ``smpl`` is the last sample
    that is played, as the chunk wants it, not the one after.

    Args:
        asset: The sound.
        name: File name without suffix.
    """
    channels = asset.samples.shape[0]
    width = 2 * channels
    rate = asset.sample_rate
    pcm = np.rint(asset.samples.T.astype(np.float64) * 32767).astype("<i2")
    chunks = [
        (b"fmt ", struct.pack("<HHIIHH", 1, channels, rate, rate * width, width, 16)),
        (b"data", pcm.tobytes()),
    ]
    if asset.loop is not None:
        start, stop = asset.loop
        period = round(1_000_000_000 / rate)
        header = struct.pack("<9I", 0, 0, period, _MIDDLE_C, 0, 0, 0, 1, 0)
        chunks.append((b"smpl", header + struct.pack("<6I", 0, 0, start, stop - 1, 0, 0)))
    body = b"WAVE"
    for tag, data in chunks:
        # 16-bit samples keep every chunk even, so none needs a padding byte.
        body += tag + struct.pack("<I", len(data)) + data
    return {f"{name}.wav": b"RIFF" + struct.pack("<I", len(body)) + body}
