"""Sheets as files of codes: small, a little lossy or exact, and honest about whether it pays.

A latent file holds, for every different frame, the coarse and fine codes of the tokeniser (14 bits
for 4x4 px) and the colours of the sheet. Layout, little-endian:

    6 bytes   b"AGLAT" and the version, 2
    1 byte    1 if an exact remainder follows the codes, else 0
    8 bytes   start of the sha256 of the weights that read it
    4 bytes   length of the body, 4 bytes its CRC-32
    the body, deflated:
        4 bytes   length of a JSON object in UTF-8: width, height, colours (RRGGBB, most frequent
                  first), palette (places of those in the sheet's palette and the rest of it),
                  frames [x, y, w, h, ms, pivot x, pivot y, drawing],
                  tags [name, start, stop, order]
        per drawing, in order: coarse codes (1 byte a cell), fine codes (1 byte a cell), and of an
        exact file one byte a pixel: 0 as decoded, 1 transparent, n + 2 colour n

References:
    RFC 1950 (zlib), for the deflated body.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import DataError, InvalidAssetError, UsageError
from aigc_assets.exporters.png import encode_png
from aigc_assets.pipelines.characters.sheets.sheet_indices import (
    STRIDE,
    nearest_own,
    padded,
    share_out,
    sheet_colours,
    to_own,
)
from aigc_assets.types import Frame, SpriteSheet, Tag

if TYPE_CHECKING:
    from aigc_assets.models.fsq_vae import FsqVae

MAGIC = b"AGLAT\x02"
MAX_SIDE = 8192
"""Largest width and height of a sheet in px."""
MAX_PIXELS = 1 << 24
MAX_FRAMES = 4096
MAX_FRAME_SIDE = 512
_HEAD = struct.Struct("<6sB8sII")


@dataclass(frozen=True)
class Compressed:
    """A latent file and what it is worth.

    Args:
        data: The file.
        png_bytes: Size of the same sheet as PNG.
        psnr: Peak signal-to-noise ratio in dB over all four channels; infinite if it is exact.
        same: Share of the opaque pixels that come back as they were, 0..1.
    """

    data: bytes
    png_bytes: int
    psnr: float
    same: float

    @property
    def verdict(self) -> str:
        """One sentence that says which file is smaller."""
        ratio = len(self.data) / self.png_bytes
        size = f"{len(self.data)} bytes, PNG {self.png_bytes}"
        if ratio >= 1:
            return f"PNG wins: {size}, and it is exact"
        loss = "exact" if math.isinf(self.psnr) else f"{self.psnr:.1f} dB, not exact"
        return f"the latent file wins: {size} ({ratio:.2f} of it, {loss})"


def compress_sheet(sheet: SpriteSheet, *, exact: bool = False) -> Compressed:
    """A sheet as a latent file.

    Args:
        sheet: At most 4096 frames of at most 512 px, which hold all opaque pixels.
        exact: Also store what the codes get wrong.

    Raises:
        UsageError: If the sheet is too large, has pixels outside of its frames, or more colours
            than the format can number.
    """
    _check(sheet)
    colours = sheet_colours(sheet)
    if len(colours) > 253:
        raise UsageError(f"{len(colours)} colours, a latent file holds 253", where="sheet")
    tokeniser, sha256 = _tokeniser()
    drawings: list[NDArray[np.int64]] = []
    numbers: dict[tuple[tuple[int, ...], bytes], int] = {}
    of_frame = []
    for i in range(len(sheet.frames)):
        own = padded(to_own(sheet.frame_image(i), colours))
        key = (own.shape, own.tobytes())
        if key not in numbers:
            numbers[key] = len(drawings)
            drawings.append(own)
        of_frame.append(numbers[key])
    rows = share_out(colours, tokeniser.colours.numpy())
    coarse, fine, rest = [], [], []
    for own in drawings:
        codes = _encode(tokeniser, own, rows)
        coarse.append(codes[0].astype(np.uint8).tobytes())
        fine.append(codes[1].astype(np.uint8).tobytes())
        if exact:
            back = _decode(tokeniser, codes, rows)
            rest.append(np.where(back == own, 0, own + 2).astype(np.uint8).tobytes())
    hexes = ["".join(f"{v:02x}" for v in colour) for colour in colours.tolist()]
    whole = ["".join(f"{v:02x}" for v in colour) for colour in sheet.palette.tolist()]
    place = {name: i for i, name in enumerate(hexes)}
    meta = {
        "width": sheet.image.shape[1],
        "height": sheet.image.shape[0],
        "colours": "".join(hexes),
        "palette": [place.get(name, name) for name in whole],
        "frames": [[*f.rect, f.duration_ms, *f.pivot, n]
                   for f, n in zip(sheet.frames, of_frame, strict=True)],
        "tags": [[t.name, t.start, t.stop, t.direction] for t in sheet.tags],
    }  # fmt: skip
    text = json.dumps(meta, ensure_ascii=False, separators=(",", ":")).encode()
    # Alike bytes lie together: it deflates better.
    body = b"".join([struct.pack("<I", len(text)), text, *coarse, *fine, *rest])
    head = _HEAD.pack(MAGIC, exact, bytes.fromhex(sha256)[:8], len(body), zlib.crc32(body))
    data = head + zlib.compress(body, 9)
    again = expand_sheet(data).image
    error = float(((again.astype(np.float64) - sheet.image) ** 2).mean())
    opaque = sheet.image[..., 3] > 0
    same = float((again == sheet.image).all(-1)[opaque].mean()) if opaque.any() else 1.0
    psnr = math.inf if error == 0 else 10 * math.log10(255**2 / error)
    return Compressed(data, len(encode_png(sheet.image)), psnr, same)


def expand_sheet(data: bytes) -> SpriteSheet:
    """The sheet of a latent file.

    Raises:
        DataError: If it is no latent file, is damaged or not one that these weights can read.
    """
    meta, body, exact = _open(data)
    try:
        shapes = _shapes(meta)
        colours = np.frombuffer(bytes.fromhex(meta["colours"]), np.uint8).reshape(-1, 3)
        cells = [(h // STRIDE) * (w // STRIDE) for h, w in shapes]
        pixels = sum(h * w for h, w in shapes) if exact else 0
        if len(body) != 2 * sum(cells) + pixels:
            raise ValueError("more or fewer codes than the frames need")
        palette = [bytes.fromhex(p) if isinstance(p, str) else colours[p].tobytes()
                   for p in meta["palette"]]  # fmt: skip
        frames = tuple(Frame((x, y, w, h), ms, (px, py))
                       for x, y, w, h, ms, px, py, _ in meta["frames"])  # fmt: skip
        tags = tuple(Tag(*tag) for tag in meta["tags"])
        image = np.zeros((meta["height"], meta["width"], 4), np.uint8)
        pictures = _pictures(body, shapes, cells, colours, exact)
        for frame, (*_, number) in zip(frames, meta["frames"], strict=True):
            x, y, w, h = frame.rect
            picture = pictures[number][-h:, :w]
            image[y : y + h, x : x + w] = picture
        table = np.frombuffer(b"".join(palette), np.uint8).reshape(-1, 3)
        return SpriteSheet(image, frames, tags, table)
    except (KeyError, TypeError, ValueError, IndexError, OverflowError, InvalidAssetError) as error:
        raise _damaged(str(error).splitlines()[0][:120]) from error


def _open(data: bytes) -> tuple[dict[str, Any], bytes, bool]:
    if len(data) < _HEAD.size or data[:5] != MAGIC[:5]:
        raise DataError("not a latent file", where="latent file", remedy="make one from a sheet")
    magic, exact, model, length, check = _HEAD.unpack_from(data)
    if magic != MAGIC or exact > 1:
        raise DataError(
            f"version {magic[5]} of the latent format is not known", where="latent file",
            remedy="read it with the version of this package that wrote it",
        )  # fmt: skip
    sha256 = _tokeniser()[1]
    if model != bytes.fromhex(sha256)[:8]:
        raise DataError(
            "it was written with other weights", where="latent file",
            remedy="read it with the version of this package that wrote it",
        )  # fmt: skip
    if length > 8 * MAX_PIXELS:
        raise _damaged("its body would be too large")
    unpacker = zlib.decompressobj()
    try:
        body = unpacker.decompress(data[_HEAD.size :], length + 1)
    except zlib.error as error:
        raise _damaged(str(error)) from error
    if len(body) != length or not unpacker.eof or zlib.crc32(body) != check:
        raise _damaged("the checksum does not fit")
    try:
        (size,) = struct.unpack_from("<I", body)
        meta = json.loads(body[4 : 4 + size])
        if not isinstance(meta, dict):
            raise ValueError("no object")
    except (struct.error, ValueError, RecursionError) as error:
        raise _damaged("its description cannot be read") from error
    return meta, body[4 + size :], bool(exact)


def _shapes(meta: dict[str, Any]) -> list[tuple[int, int]]:
    """Padded height and width of every drawing, after everything that costs memory is checked."""
    width, height, frames = meta["width"], meta["height"], meta["frames"]
    if not (isinstance(width, int) and isinstance(height, int)):
        raise ValueError("width and height are no whole numbers")
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and width * height <= MAX_PIXELS):
        raise ValueError(f"a sheet of {width}x{height} px")
    if not 0 < len(frames) <= MAX_FRAMES:
        raise ValueError(f"{len(frames)} frames")
    shapes: dict[int, tuple[int, int]] = {}
    for frame in frames:
        if len(frame) != 8 or not all(type(v) is int for v in frame):
            raise ValueError("a frame is eight whole numbers")
        x, y, w, h, *_, number = frame
        if not (0 < w <= MAX_FRAME_SIDE and 0 < h <= MAX_FRAME_SIDE and x >= 0 and y >= 0):
            raise ValueError(f"a frame of {w}x{h} px at {x}, {y}")
        if x + w > width or y + h > height:
            raise ValueError("a frame reaches out of the sheet")
        shape = (h + -h % STRIDE, w + -w % STRIDE)
        if shapes.setdefault(number, shape) != shape:
            raise ValueError("a drawing of two sizes")
    if sorted(shapes) != list(range(len(shapes))):
        raise ValueError("a drawing is missing")
    return [shapes[i] for i in range(len(shapes))]


def _pictures(
    body: bytes, shapes: list[tuple[int, int]], cells: list[int], colours: NDArray[np.uint8],
    exact: bool,
) -> list[NDArray[np.uint8]]:  # fmt: skip
    """RGBA of every drawing."""
    tokeniser, _ = _tokeniser()
    total = sum(cells)
    codes = np.frombuffer(body, np.uint8, 2 * total).reshape(2, total).astype(np.int64)
    limits = np.array(tokeniser.config.codes)[:, None]
    if (codes >= limits).any():
        raise ValueError("a code that there is none of")
    rest = np.frombuffer(body, np.uint8, offset=2 * total)
    rows = share_out(colours, tokeniser.colours.numpy())
    table = np.zeros((len(colours) + 1, 4), np.uint8)
    table[:-1, :3], table[:-1, 3] = colours, 255  # the last row, -1, is transparent
    found, start, pixel = [], 0, 0
    for (height, width), count in zip(shapes, cells, strict=True):
        grid = codes[:, start : start + count].reshape(2, height // STRIDE, width // STRIDE)
        own = _decode(tokeniser, grid, rows)
        if exact:
            patch = rest[pixel : pixel + height * width].reshape(height, width).astype(np.int64)
            own = np.where(patch > 0, patch - 2, own)
            if own.max(initial=-1) >= len(colours):
                raise ValueError("a colour that there is none of")
        found.append(table[own])
        start, pixel = start + count, pixel + height * width
    return found


def _encode(tokeniser: FsqVae, own: NDArray[np.int64], rows: NDArray[np.intp]) -> NDArray[Any]:
    """Codes [2, h, w] of a drawing."""
    import torch

    index = np.concatenate([rows, [0]])[own]
    codes: NDArray[np.int64] = tokeniser.encode(torch.from_numpy(index)[None])[0].numpy()
    return codes


def _decode(tokeniser: FsqVae, codes: NDArray[Any], rows: NDArray[np.intp]) -> NDArray[np.int64]:
    """A drawing of codes [2, h, w] in sheet colours, -1 is transparent."""
    import torch

    palette = torch.zeros(1, tokeniser.config.classes, dtype=torch.bool)
    palette[0, [0, *rows.tolist()]] = True
    logits = tokeniser.decode(torch.from_numpy(codes)[None], palette)
    own: NDArray[np.int64] = nearest_own(logits, rows)[0]
    return own


def _tokeniser() -> tuple[FsqVae, str]:
    from aigc_assets.pipelines.characters.size32.creatures32 import TOKENISER
    from aigc_assets.pipelines.made import load_model

    loaded = load_model(TOKENISER)
    network: Any = loaded.network
    return network, loaded.sha256


def _check(sheet: SpriteSheet) -> None:
    height, width = sheet.image.shape[:2]
    too_large = max(height, width) > MAX_SIDE or height * width > MAX_PIXELS
    sides = max(max(f.rect[2:]) for f in sheet.frames)
    if too_large or len(sheet.frames) > MAX_FRAMES or sides > MAX_FRAME_SIDE:
        raise UsageError(
            f"a sheet of {width}x{height} px with {len(sheet.frames)} frames of up to {sides} px",
            where="sheet",
            remedy=f"at most {MAX_PIXELS} px, {MAX_FRAMES} frames of {MAX_FRAME_SIDE} px",
        )
    covered = np.zeros((height, width), bool)
    for x, y, w, h in (f.rect for f in sheet.frames):
        covered[y : y + h, x : x + w] = True
    if (sheet.image[..., 3] > 0)[~covered].any():
        raise UsageError("pixels outside of the frames", where="sheet",
                         remedy="give frames that hold everything")  # fmt: skip


def _damaged(what: str) -> DataError:
    return DataError(
        f"damaged latent file: {what}", where="latent file", remedy="write it again from the sheet"
    )
