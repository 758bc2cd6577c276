"""Reads a reference picture safely and takes its colours.

Sizes are checked on the header, before anything is decoded.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import UsageError
from aigc_assets.types.oklab import from_oklab, to_oklab

Ramp = NDArray[np.uint8]
"""Six sRGB tones, dark to light, [6, 3]."""

MAX_BYTES = 8_000_000
"""Largest file."""
MAX_SIDE = 8192
MAX_PIXELS = 4096 * 4096
"""Largest picture; checked on the header, before anything is decoded."""
KEPT = 128
"""Longer side of what is kept of a picture, in px."""


@dataclass(frozen=True)
class Reference:
    """A reference picture, reduced.

    Args:
        name: How messages call it.
        sha256: Of the file.
        picture: At most 128 px on the longer side, upright, [H, W, 4] uint8 sRGB with alpha.
    """

    name: str
    sha256: str
    picture: NDArray[np.uint8]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and self.sha256 == other.sha256

    def __hash__(self) -> int:
        return hash(self.sha256)

    def as_json(self) -> dict[str, Any]:
        """What JSON can hold of it."""
        data = base64.b64encode(self.picture.tobytes()).decode()
        return {
            "name": self.name,
            "sha256": self.sha256,
            "shape": list(self.picture.shape),
            "data": data,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Reference:
        """The inverse of `as_json`."""
        flat = np.frombuffer(base64.b64decode(value["data"]), dtype=np.uint8)
        return cls(value["name"], value["sha256"], flat.reshape(value["shape"]))


def read_file(path: Path, name: str) -> Reference:
    """Read a picture from a path; ``name`` is how messages call it.

    Raises:
        UsageError: If it cannot be read, is too large, or not a picture.
    """
    name = name.encode("utf-8", "backslashreplace").decode()  # of a file that is named in no UTF-8
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(
                f"{name}: {path.stat().st_size} bytes, the limit is {MAX_BYTES}",
                where="like",
                remedy="give a smaller picture",
            )
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"{name}: cannot read it: {reason}", where="like", remedy="give a picture file"
        ) from error
    return read_reference(data, name)


def read_reference(data: bytes, name: str = "like") -> Reference:
    """Read a picture file.

    Args:
        data: The file: PNG, JPEG, GIF or WebP; of an animation the first picture counts.
        name: How messages call it.

    Raises:
        UsageError: If it is empty, too large, cut off, or not such a picture.
    """
    import cv2

    def refuse(what: str, remedy: str = "give a PNG, JPEG, GIF or WebP picture") -> UsageError:
        return UsageError(f"{name}: {what}", where="like", remedy=remedy)

    if not data:
        raise refuse("the file is empty")
    if len(data) > MAX_BYTES:
        raise refuse(f"{len(data)} bytes, the limit is {MAX_BYTES}", "give a smaller picture")
    size = picture_size(data)
    if size is None:
        raise refuse("not a picture that can be read")
    if size[0] * size[1] > MAX_PIXELS or max(size) > MAX_SIDE:
        raise refuse(
            f"{size[0]}x{size[1]} px is too large, the limit is {MAX_SIDE} px a side",
            "give a smaller picture",
        )
    if not _is_whole(data):
        raise refuse("the file is cut off", "save or copy it once more")
    # The colour mode turns a photograph upright; only the other one keeps transparency.
    photograph = data[:2] == b"\xff\xd8"
    mode = cv2.IMREAD_COLOR if photograph else cv2.IMREAD_UNCHANGED
    try:
        image: Any = cv2.imdecode(np.frombuffer(data, np.uint8), mode)
    except cv2.error as error:
        raise refuse("not a picture that can be read") from error
    if image is None or image.ndim not in (2, 3) or image.shape[0] * image.shape[1] > MAX_PIXELS:
        raise refuse("not a picture that can be read")
    height, width = image.shape[:2]
    longer = max(height, width)
    if longer > KEPT:  # single pixels, not means: a mean of two colours is neither
        rows = (np.arange(max(1, height * KEPT // longer)) + 0.5) * longer / KEPT
        columns = (np.arange(max(1, width * KEPT // longer)) + 0.5) * longer / KEPT
        rows, columns = rows.clip(0, height - 1), columns.clip(0, width - 1)
        image = image[rows.astype(int)][:, columns.astype(int)]
    if image.dtype != np.uint8:
        image = (image.astype(np.float64) * 255 / np.iinfo(image.dtype).max).round()
        image = image.astype(np.uint8)
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, 2)
    if image.shape[2] == 3:
        image = np.concatenate([image, np.full_like(image[..., :1], 255)], 2)
    if not (image[..., 3] > 127).any():
        raise refuse("nothing to see: it is transparent throughout", "give a picture of something")
    picture = np.ascontiguousarray(image[..., [2, 1, 0, 3]])
    return Reference(name, hashlib.sha256(data).hexdigest(), picture)


def picture_size(data: bytes) -> tuple[int, int] | None:
    """Width and height that the header of a PNG, JPEG, GIF or WebP file states; None if none does.

    References:
        PNG 3rd edition 11.2.1; ITU-T T.81 B.2.2; GIF89a 18; RFC 9649 section 2.
    """
    if data[:8] == b"\x89PNG\r\n\x1a\n" and data[12:16] == b"IHDR" and len(data) >= 24:
        return _sized(*struct.unpack(">II", data[16:24]))
    if data[:6] in (b"GIF87a", b"GIF89a") and len(data) >= 10:
        return _sized(*struct.unpack("<HH", data[6:10]))
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP" and len(data) >= 30:
        if data[12:16] == b"VP8X":
            return _sized(*(int.from_bytes(data[i : i + 3], "little") + 1 for i in (24, 27)))
        if data[12:16] == b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            return _sized((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
        if data[12:16] == b"VP8 ":
            width, height = struct.unpack("<HH", data[26:30])
            return _sized(width & 0x3FFF, height & 0x3FFF)
    if data[:2] == b"\xff\xd8":
        return _jpeg_size(data)
    return None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # padding
            at += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return _sized(width, height)
        if marker in (0xD8, 0x01) or 0xD0 <= marker <= 0xD7:
            at += 2
            continue
        at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
    return None


def _sized(width: int, height: int) -> tuple[int, int] | None:
    return (width, height) if width > 0 and height > 0 else None


def _is_whole(data: bytes) -> bool:
    """Whether the file reaches the end mark of its format; decoders fill in what is missing."""
    if data[:4] == b"\x89PNG":
        return b"IEND\xaeB`\x82" in data[-64:]
    if data[:2] == b"\xff\xd8":
        return b"\xff\xd9" in data[len(data) // 2 :]
    if data[:4] == b"RIFF":
        return int.from_bytes(data[4:8], "little") + 8 <= len(data)
    return b";" in data[-64:]


REGIONS: Mapping[str, tuple[float, float]] = {
    "head": (0.0, 0.26), "torso": (0.3, 0.58), "legs": (0.62, 0.86), "feet": (0.88, 1.0),
}  # fmt: skip
"""Rows of a standing figure, as shares of its height."""


def taken_from(like: Reference | None) -> tuple[str, ...]:
    """What provenance says about a reference picture; nothing if there is none."""
    if like is None:
        return ()
    return (f"colours that the prompt leaves open taken from {like.name} "
            f"(sha256 {like.sha256[:12]})",)  # fmt: skip


def region_ramps(picture: NDArray[np.uint8]) -> dict[str, Ramp]:
    """Ramps of six tones for the slots of a person, from where a standing figure has them.

    The head gives skin and hair, the middle the torso, the lower part legs and feet; ``main`` is
    the colour of the figure as a whole. A slot whose colour is not seen is left out.

    Args:
        picture: Of a `Reference`, RGBA [H, W, 4].
    """
    mask = _figure(picture)
    lab = to_oklab(picture[..., :3])
    rows = np.flatnonzero(mask.any(1))
    top, height = int(rows[0]), int(rows[-1] - rows[0] + 1)
    found: dict[str, Ramp] = {}
    main = _groups(lab[mask])
    found["main"] = ramp_around(main[0][0])
    if height < 8:
        return {"main": found["main"], "torso": found["main"]}
    skin = None
    for region, (start, stop) in REGIONS.items():
        band = np.zeros_like(mask)
        band[top + int(height * start) : top + max(int(height * stop), int(height * start) + 1)] = 1
        groups = _groups(lab[mask & band])
        if not groups:
            continue
        if region == "head":
            bare = [centre for centre, share in groups if _is_skin(centre) and share > 0.1]
            skin = bare[0] if bare else None
            if skin is not None:
                found["skin"] = ramp_around(skin)
        dressed = [
            (centre, share)
            for centre, share in groups
            if skin is None
            or float(np.abs(centre[1:] - skin[1:]).max()) > 0.03
            or abs(centre[0] - skin[0]) > 0.3
        ]
        if dressed and dressed[0][1] > 0.15:
            found["hair" if region == "head" else region] = ramp_around(dressed[0][0])
    return found


def ramp_around(lab: NDArray[np.float64]) -> Ramp:
    """Six tones, dark to light, whose fourth is the OKLab colour ``lab``."""
    steps = np.array([-0.30, -0.19, -0.09, 0.0, 0.07, 0.14])
    light = np.clip(lab[0] + steps * (0.45 + 0.75 * lab[0]), 0.06, 0.98)
    chroma = np.array([0.75, 0.92, 1.0, 1.0, 0.94, 0.8])
    return from_oklab(np.stack([light, lab[1] * chroma, lab[2] * chroma], -1))


def _figure(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which pixels are not background; all, if nothing tells them apart."""
    import cv2

    opaque: NDArray[np.bool_] = picture[..., 3] > 127
    if not opaque.any():
        return np.ones(opaque.shape, dtype=np.bool_)
    if opaque.mean() < 0.98:
        return opaque
    lab = to_oklab(picture[..., :3])
    border = np.concatenate([lab[0], lab[-1], lab[:, 0], lab[:, -1]])
    middle = np.median(border, axis=0)
    if (np.abs(border - middle).max(-1) < 0.08).mean() < 0.5:
        return opaque
    alike = (np.abs(lab - middle).max(-1) < 0.08).astype(np.uint8)
    _, labels = cv2.connectedComponents(alike, connectivity=4)
    edge = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    figure: NDArray[np.bool_] = ~(np.isin(labels, edge[edge > 0]) & (alike > 0))
    return figure if figure.mean() > 0.02 else opaque


def _groups(lab: NDArray[np.float64]) -> list[tuple[NDArray[np.float64], float]]:
    """Colours [3] that stand out, and their shares, largest first; shades of one hue are one."""
    if len(lab) == 0:
        return []
    cells, member, count = np.unique(
        np.round(lab / 0.04).astype(int), axis=0, return_inverse=True, return_counts=True
    )
    keep = np.argsort(-count, kind="stable")[:64]
    centre = np.stack([
        np.bincount(member.reshape(-1), lab[:, c], len(cells)) / count for c in range(3)
    ], -1)[keep]  # fmt: skip
    weight = count[keep].astype(np.float64)
    weight = np.where(centre[:, 0] < 0.22, weight * 0.35, weight)  # lines, rather than clothes
    out = []
    left = np.ones(len(keep), dtype=bool)
    while left.any():
        leader = int(np.argmax(np.where(left, weight, -1)))
        near = left & (np.abs(centre[:, 1:] - centre[leader, 1:]).max(-1) < 0.045)
        near &= np.abs(centre[:, 0] - centre[leader, 0]) < 0.3
        share = float(weight[near].sum() / weight.sum())
        out.append((np.average(centre[near], axis=0, weights=weight[near]), share))
        left &= ~near
    return sorted(out, key=lambda group: -group[1])


def _is_skin(lab: NDArray[np.float64]) -> bool:
    hue = float(np.degrees(np.arctan2(lab[2], lab[1])))
    chroma = float(np.hypot(lab[1], lab[2]))
    return 25 < hue < 85 and 0.03 < chroma < 0.13 and 0.35 < lab[0] < 0.95
