"""Drawings of users in ``.aseprite`` files, flattened to frames.

Everything is bounded before it is unpacked: a small file cannot make the reader use much memory.

References:
    Aseprite, "Aseprite File Format (.ase/.aseprite) Specifications", docs/ase-file-specs.md.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import DataError
from aigc_assets.types import Tag

MAX_BYTES = 64_000_000
MAX_SIDE = 4096
"""Of the canvas and of any cel, in px."""
MAX_FRAMES = 4096
MAX_PIXELS = 64_000_000
"""Of all frames together, and of all cels together."""
MAX_LAYERS = 1024

_FILE, _FRAME = 0xA5E0, 0xF1FA
_LAYER, _CEL, _TAGS, _PALETTE, _SLICE = 0x2004, 0x2005, 0x2018, 0x2019, 0x2022
_OLD_PALETTES = {0x0004: 1, 0x0011: 4}  # chunk: factor to 8 bits
_DIRECTIONS = ("forward", "reverse", "pingpong", "pingpong")
_VISIBLE, _BACKGROUND, _REFERENCE = 1, 8, 64
_GROUP, _TILEMAP = 1, 2


@dataclass(frozen=True)
class Drawing:
    """A flattened drawing.

    Args:
        frames: [F, H, W, 4] uint8 sRGB, straight alpha, as they are shown.
        durations_ms: Of each frame, 1..60000.
        tags: Animations; those of the same name as an earlier one are left out.
        palette: Colours of the palette, [N, 4] uint8, empty when the file has none.
        pivot: That of the first slice that has one, (x, y) in px.
        notes: What could not be read as Aseprite shows it.
    """

    frames: NDArray[np.uint8]
    durations_ms: tuple[int, ...]
    tags: tuple[Tag, ...]
    palette: NDArray[np.uint8]
    pivot: tuple[int, int] | None
    notes: tuple[str, ...]


@dataclass
class _Layer:
    """A layer: its flags, kind, depth in the tree of groups, opacity 0..255."""

    flags: int
    kind: int
    level: int
    opacity: int
    shown: bool


@dataclass
class _Cel:
    """Pixels of one layer in one frame, [h, w, 4], at (x, y) of the canvas."""

    layer: int
    x: int
    y: int
    opacity: int
    z: int
    pixels: NDArray[np.uint8]


@dataclass
class _File:
    """What the chunks have said so far."""

    depth: int
    transparent: int
    opacity_counts: bool
    where: str
    layers: list[_Layer] = field(default_factory=list)
    cels: list[dict[int, _Cel]] = field(default_factory=list)
    durations: list[int] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)
    palette: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 4), np.uint8))
    new_palette: bool = False
    pivot: tuple[int, int] | None = None
    notes: dict[str, None] = field(default_factory=dict)
    pixels: int = 0

    def fail(self, message: str) -> NoReturn:
        raise DataError(message, where=self.where, remedy="open it in Aseprite and save it again")


def read_aseprite(data: bytes, where: str = "drawing") -> Drawing:
    """Read and flatten a file.

    Hidden layers, reference layers and tilemap layers are left out; layers of every blend mode
    are painted as normal ones. Both are told in the notes.

    Args:
        data: The whole file.
        where: Its name, for errors.

    Raises:
        DataError: If the file is damaged, is no .aseprite file, or exceeds a limit.
    """
    if len(data) > MAX_BYTES:
        raise DataError(f"{len(data) >> 20} MB is too large, the limit is {MAX_BYTES >> 20} MB",
                        where=where)  # fmt: skip
    try:
        return _read(data, where)
    except (struct.error, zlib.error, IndexError, UnicodeDecodeError) as error:
        raise DataError(
            "the file is damaged or cut off",
            where=where,
            remedy="open it in Aseprite and save it again",
        ) from error


def _read(data: bytes, where: str) -> Drawing:
    if len(data) < 128 or struct.unpack_from("<H", data, 4)[0] != _FILE:
        raise DataError("not an .aseprite file", where=where, remedy="give a .aseprite or .png")
    count, width, height, depth, flags = struct.unpack_from("<HHHHI", data, 6)
    file = _File(depth, data[28], bool(flags & 1), where)
    if depth not in (8, 16, 32):
        file.fail(f"{depth} bits per pixel are not a colour mode")
    if not 1 <= width <= MAX_SIDE or not 1 <= height <= MAX_SIDE:
        file.fail(f"the canvas is {width}x{height}, expected sides of 1..{MAX_SIDE} px")
    if not 1 <= count <= MAX_FRAMES or count * width * height > MAX_PIXELS:
        file.fail(f"{count} frames of {width}x{height} px are too much")
    place = 128
    for number in range(count):
        place = _read_frame(data, place, number, file)
    tags = tuple(tag for tag in file.tags if tag.stop <= count)
    frames = np.zeros((count, height, width, 4), dtype=np.uint8)
    for number, cels in enumerate(file.cels):
        for cel in sorted(cels.values(), key=lambda cel: (cel.layer + cel.z, cel.z)):
            _paint(frames[number], cel, file)
    return Drawing(frames, tuple(file.durations), tags, file.palette, file.pivot, tuple(file.notes))


def _read_frame(data: bytes, place: int, number: int, file: _File) -> int:
    size, magic, old, duration, chunks = struct.unpack_from("<IHHH2xI", data, place)
    if magic != _FRAME or size < 16 or place + size > len(data):
        file.fail(f"frame {number} is damaged")
    file.durations.append(min(max(duration, 1), 60_000))
    file.cels.append({})
    end, at = place + size, place + 16
    for _ in range(chunks or old):
        length, kind = struct.unpack_from("<IH", data, at)
        if length < 6 or at + length > end:
            file.fail(f"frame {number} has a chunk that leaves it")
        _read_chunk(kind, data[at + 6 : at + length], number, file)
        at += length
    return end


def _read_chunk(kind: int, data: bytes, number: int, file: _File) -> None:
    if kind == _LAYER:
        _read_layer(data, file)
    elif kind == _CEL:
        _read_cel(data, number, file)
    elif kind == _TAGS:
        _read_tags(data, file)
    elif kind == _PALETTE:
        _read_palette(data, file)
    elif kind in _OLD_PALETTES and not file.new_palette:
        _read_old_palette(data, _OLD_PALETTES[kind], file)
    elif kind == _SLICE and file.pivot is None:
        _, flags = struct.unpack_from("<II", data)
        length = struct.unpack_from("<H", data, 12)[0]
        if flags & 2:
            x, y = struct.unpack_from("<ii", data, 14 + length + 4)
            skip = 20 + (16 if flags & 1 else 0)
            px, py = struct.unpack_from("<ii", data, 14 + length + skip)
            if abs(x + px) <= MAX_SIDE and abs(y + py) <= MAX_SIDE:
                file.pivot = (x + px, y + py)


def _read_layer(data: bytes, file: _File) -> None:
    flags, kind, level, _, _, blend, opacity = struct.unpack_from("<HHHHHHB", data)
    if len(file.layers) >= MAX_LAYERS:
        file.fail(f"more than {MAX_LAYERS} layers")
    shown = bool(flags & _VISIBLE) and not flags & _REFERENCE
    # A layer belongs to the nearest group before it that is one level up.
    for parent in reversed(file.layers):
        if parent.level < level:
            shown = shown and parent.shown
            break
    if kind == _TILEMAP:
        file.notes["tilemap layers are left out"] = None
    if shown and blend:
        file.notes["blend modes other than normal are painted as normal"] = None
    if not shown:
        file.notes["hidden layers are left out"] = None
    file.layers.append(_Layer(flags, kind, level, opacity if file.opacity_counts else 255, shown))


def _read_cel(data: bytes, number: int, file: _File) -> None:
    layer, x, y, opacity, kind, z = struct.unpack_from("<HhhBHh", data)
    if layer >= len(file.layers):
        file.fail(f"frame {number} has a cel of a layer that is not there")
    if kind == 1:
        (source,) = struct.unpack_from("<H", data, 16)
        if source >= number:
            file.fail(f"frame {number} is linked to a later frame")
        linked = file.cels[source].get(layer)
        if linked is not None:
            file.cels[number][layer] = _Cel(layer, x, y, opacity, z, linked.pixels)
        return
    if kind not in (0, 2):
        return  # a tilemap, which its layer has already told of
    width, height = struct.unpack_from("<HH", data, 16)
    if not 1 <= width <= MAX_SIDE or not 1 <= height <= MAX_SIDE:
        file.fail(f"frame {number} has a cel of {width}x{height} px")
    file.pixels += width * height
    if file.pixels > MAX_PIXELS:
        file.fail("the cels hold too many pixels")
    length = width * height * file.depth // 8
    raw = data[20 : 20 + length] if kind == 0 else _inflate(data[20:], length)
    if len(raw) != length:
        file.fail(f"a cel of frame {number} is cut off")
    pixels = _colours(raw, (height, width), file, bool(file.layers[layer].flags & _BACKGROUND))
    file.cels[number][layer] = _Cel(layer, x, y, opacity, z, pixels)


def _inflate(data: bytes, length: int) -> bytes:
    """At most ``length`` bytes of a zlib stream."""
    return zlib.decompressobj().decompress(data, length)


def _colours(
    raw: bytes, shape: tuple[int, int], file: _File, background: bool
) -> NDArray[np.uint8]:
    flat = np.frombuffer(raw, dtype=np.uint8)
    if file.depth == 32:
        return flat.reshape(*shape, 4)
    if file.depth == 16:
        pair = flat.reshape(*shape, 2)
        return pair[..., [0, 0, 0, 1]]
    table = np.zeros((256, 4), dtype=np.uint8)
    known = file.palette[:256]
    table[: len(known)] = known
    if not background:
        table[file.transparent] = 0
    picture: NDArray[np.uint8] = table[flat.reshape(shape)]
    return picture


def _read_tags(data: bytes, file: _File) -> None:
    (count,) = struct.unpack_from("<H", data)
    at = 10
    names = {tag.name for tag in file.tags}
    for _ in range(count):
        first, last, direction = struct.unpack_from("<HHB", data, at)
        (length,) = struct.unpack_from("<H", data, at + 17)
        name = data[at + 19 : at + 19 + length].decode("utf-8")
        at += 19 + length
        usable = name and first <= last and name not in names and len(name) <= 200
        if usable and name.isprintable():
            names.add(name)
            order = _DIRECTIONS[min(direction, 3)]
            file.tags.append(Tag(name, first, last + 1, order))


def _read_palette(data: bytes, file: _File) -> None:
    size, first, last = struct.unpack_from("<III", data)
    if not 1 <= size <= 65_536 or not first <= last < size:
        file.fail("the palette is damaged")
    if not file.new_palette:
        file.palette = np.zeros((0, 4), dtype=np.uint8)
    file.new_palette = True
    palette = np.zeros((size, 4), dtype=np.uint8)
    kept = min(size, len(file.palette))
    palette[:kept] = file.palette[:kept]
    at = 20
    for index in range(first, last + 1):
        flags, *colour = struct.unpack_from("<H4B", data, at)
        palette[index] = colour
        at += 6
        if flags & 1:  # a name follows
            at += 2 + struct.unpack_from("<H", data, at)[0]
    file.palette = palette


def _read_old_palette(data: bytes, factor: int, file: _File) -> None:
    (packets,) = struct.unpack_from("<H", data)
    palette = np.zeros((256, 4), dtype=np.uint8)
    palette[: len(file.palette)] = file.palette
    at, index = 2, 0
    for _ in range(packets):
        skip, count = struct.unpack_from("<BB", data, at)
        at, index = at + 2, index + skip
        for _ in range(count or 256):
            colour = struct.unpack_from("<3B", data, at)
            palette[index, :3] = [min(255, value * factor) for value in colour]
            palette[index, 3] = 255
            at, index = at + 3, index + 1
    file.palette = palette


def _paint(canvas: NDArray[np.uint8], cel: _Cel, file: _File) -> None:
    """Lay a cel over the canvas, straight alpha."""
    layer = file.layers[cel.layer]
    if not layer.shown or layer.kind != 0:
        return
    top, left = max(cel.y, 0), max(cel.x, 0)
    bottom = min(cel.y + cel.pixels.shape[0], canvas.shape[0])
    right = min(cel.x + cel.pixels.shape[1], canvas.shape[1])
    if top >= bottom or left >= right:
        return
    source = cel.pixels[top - cel.y : bottom - cel.y, left - cel.x : right - cel.x]
    target = canvas[top:bottom, left:right]
    strength = cel.opacity * layer.opacity
    if strength == 255 * 255 and bool(((source[..., 3] == 0) | (source[..., 3] == 255)).all()):
        opaque = source[..., 3] == 255
        target[opaque] = source[opaque]
        return
    over: NDArray[Any] = source[..., 3:].astype(np.float64) / 255 * (strength / 65_025)
    under = target[..., 3:].astype(np.float64) / 255 * (1 - over)
    alpha = over + under
    mixed = source[..., :3] * over + target[..., :3] * under
    rgb = mixed / np.where(alpha > 0, alpha, 1)
    target[..., :3] = np.round(rgb)
    target[..., 3:] = np.round(alpha * 255)
