"""Scenes as MP4: H.264 video and AAC sound, ready to stream, the same bytes every time.

Measured: libx264's macroblock-tree rate control is what makes equal input give different files, so
it is off; one thread, no dates and no library versions in the container do the rest. The picture is
handed over as yuv420p planes made here in integers. They are computed before enlarging: with an
even scale no 2x2 chroma block straddles two px of the art, so 4:2:0 loses no colour position.

References:
    ITU-R BT.709-6, 3 (matrix and 8 bit quantisation); ISO/IEC 14496-12, 8.7.5 (chunk offsets).
"""

from __future__ import annotations

import io
import struct
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import UsageError
from aigc_assets.exporters.mixdown import timeline_audio
from aigc_assets.exporters.names import require_file_name
from aigc_assets.exporters.raster import Stage
from aigc_assets.types import AssetPack, Sound, Timeline

# BT.709 in limited range: (R, G, B) weights in units of 2^-16 and offset of Y, Cb and Cr.
_WEIGHTS = (
    ((11966, 40254, 4064), 16),
    ((-6596, -22189, 28785), 128),
    ((28785, -26146, -2639), 128),
)
_BT709 = 1  # AVCOL_PRI_BT709, AVCOL_TRC_BT709, AVCOL_SPC_BT709 share the number
_LIMITED = 1  # AVCOL_RANGE_MPEG
_AUDIO_FRAME = 1024
_VIDEO_OPTIONS = {
    "preset": "medium",
    "crf": "17",
    "g": "48",
    "threads": "1",
    "flags": "+bitexact",
    "x264-params": "mbtree=0:threads=1:lookahead-threads=1:sliced-threads=0",
}


def export_mp4(timeline: Timeline, name: str, pack: AssetPack) -> dict[str, bytes]:
    """Render a scene and encode it: ``{name}.mp4``.

    H.264 High yuv420p, BT.709 limited range, constant frame rate, AAC at 44.1 kHz (silence when the
    scene has no sound), index before the data.

    Raises:
        UsageError: If ``name`` cannot be a file name.
        InvalidAssetError: If the scene names what the pack does not have.
    """
    require_file_name(name)
    stage = Stage(timeline, pack)
    sound = timeline_audio(timeline, pack)
    return {f"{name}.mp4": _encode(stage, sound)}


def yuv420_planes(canvas: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """Convert a picture to BT.709 limited-range yuv420p and enlarge it.

    Args:
        canvas: [h, w, 3] uint8 sRGB; ``h * scale`` and ``w * scale`` are even.
        scale: Whole factor, nearest neighbour.

    Returns:
        The planes Y, Cb, Cr below each other, [h * scale * 3 / 2, w * scale] uint8.

    Raises:
        UsageError: If the enlarged sides are odd.
    """
    h, w = canvas.shape[:2]
    height, width = h * scale, w * scale
    if height % 2 or width % 2:
        raise UsageError(f"4:2:0 video has even sides, not {width}x{height}", where="resolution")
    red, green, blue = np.ascontiguousarray(canvas.transpose(2, 0, 1)).astype(np.int32)
    luma, *chroma = (
        (r * red + g * green + b * blue + (1 << 15) >> 16) + offset
        for (r, g, b), offset in _WEIGHTS
    )
    planes = np.zeros((height * 3 // 2, width), dtype=np.uint8)
    _enlarge(luma.astype(np.uint8), scale, planes[:height])
    targets = planes[height:].reshape(2, height // 2, width // 2)
    for target, plane in zip(targets, chroma, strict=True):
        if scale % 2 == 0:
            _enlarge(plane.astype(np.uint8), scale // 2, target)
        else:
            wide = plane.repeat(scale, axis=0).repeat(scale, axis=1)
            blocks = wide.reshape(height // 2, 2, width // 2, 2).sum(axis=(1, 3))
            target[:] = (blocks + 2 >> 2).astype(np.uint8)
    return planes


def _enlarge(plane: NDArray[np.uint8], scale: int, target: NDArray[np.uint8]) -> None:
    """Write ``plane`` [h, w] into ``target`` [h * scale, w * scale], rows by copy."""
    rows = target.reshape(plane.shape[0], scale, target.shape[1])
    rows[:] = plane.repeat(scale, axis=1)[:, None]


def _encode(stage: Stage, sound: Sound) -> bytes:
    import av

    timeline = stage.timeline
    rate = timeline.frame_rate
    out = io.BytesIO()
    with av.open(out, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        video = container.add_stream("libx264", rate=rate, options=_VIDEO_OPTIONS)
        video.width, video.height = timeline.resolution
        video.pix_fmt = "yuv420p"
        video.codec_context.time_base = 1 / rate
        video.codec_context.color_primaries = _BT709
        video.codec_context.color_trc = _BT709
        video.codec_context.colorspace = _BT709
        video.codec_context.color_range = _LIMITED
        channels = sound.samples.shape[0]
        audio = container.add_stream(
            "aac",
            rate=sound.sample_rate,
            layout="mono" if channels == 1 else "stereo",
            options={"threads": "1", "flags": "+bitexact", "b": "160000"},
        )
        at = 0
        canvas, planes = None, np.zeros(0, dtype=np.uint8)
        for n in range(timeline.duration):
            drawn = stage.canvas(n)
            if canvas is None or not np.array_equal(canvas, drawn):  # scenes often stand still
                canvas, planes = drawn, yuv420_planes(drawn, timeline.scale)
            picture = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            picture.pts, picture.time_base = n, 1 / rate
            container.mux(video.encode(picture))
            while at < sound.samples.shape[1] and at * rate <= (n + 1) * sound.sample_rate:
                # Interleave as the picture goes, so that the muxer holds nothing back.
                block = np.ascontiguousarray(sound.samples[:, at : at + _AUDIO_FRAME])
                piece = av.AudioFrame.from_ndarray(block, "fltp", audio.codec_context.layout.name)
                piece.sample_rate = sound.sample_rate
                piece.pts, piece.time_base = at, Fraction(1, sound.sample_rate)
                container.mux(audio.encode(piece))
                at += block.shape[1]
        container.mux(video.encode(None))
        container.mux(audio.encode(None))
    return faststart(out.getvalue())


def faststart(data: bytes) -> bytes:
    """Move the index of an MP4 (``moov``) before its data, so that playing can begin at once.

    The muxer's own option needs a file on disk; this one works on bytes. A file whose index already
    leads is returned unchanged.

    Raises:
        UsageError: If ``data`` is not an MP4 file with an index.
    """
    boxes = _boxes(data, 0, len(data))
    kinds = [kind for kind, _, _ in boxes]
    if b"moov" not in kinds or b"mdat" not in kinds:
        raise UsageError("not an MP4 file: no moov or no mdat box")
    index, first = kinds.index(b"moov"), kinds.index(b"mdat")
    if index < first:
        return data
    _, start, stop = boxes[index]
    moov = bytearray(data[start:stop])
    _shift_offsets(moov, 8, len(moov), stop - start)
    before = boxes[first][1]
    return data[:before] + bytes(moov) + data[before:start] + data[stop:]


def _boxes(data: bytes | bytearray, start: int, stop: int) -> list[tuple[bytes, int, int]]:
    found = []
    while start + 8 <= stop:
        size, kind = struct.unpack_from(">I4s", data, start)
        if size == 1:
            size = struct.unpack_from(">Q", data, start + 8)[0]
        elif size == 0:
            size = stop - start
        if size < 8 or start + size > stop:
            raise UsageError("not an MP4 file: a box has the wrong size")
        found.append((kind, start, start + size))
        start += size
    return found


def _shift_offsets(moov: bytearray, start: int, stop: int, shift: int) -> None:
    for kind, first, last in _boxes(moov, start, stop):
        if kind in (b"trak", b"mdia", b"minf", b"stbl"):
            _shift_offsets(moov, first + 8, last, shift)
        elif kind in (b"stco", b"co64"):
            layout = ">I" if kind == b"stco" else ">Q"
            step = struct.calcsize(layout)
            (count,) = struct.unpack_from(">I", moov, first + 12)
            for at in range(first + 16, first + 16 + count * step, step):
                (offset,) = struct.unpack_from(layout, moov, at)
                struct.pack_into(layout, moov, at, offset + shift)
