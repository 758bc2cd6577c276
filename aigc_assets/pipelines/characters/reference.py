"""Reads a reference picture safely: sizes are checked on the header, before anything is decoded."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import UsageError

MAX_BYTES = 8_000_000
"""Largest file."""
MAX_PIXELS = 4096 * 4096
"""Largest picture."""
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
        data: The file.
        name: How messages call it.

    Raises:
        UsageError: If it is empty, too large, or not a picture.
    """
    import cv2

    def refuse(what: str, remedy: str = "give a PNG, JPEG, GIF or WebP picture") -> UsageError:
        return UsageError(f"{name}: {what}", where="like", remedy=remedy)

    if not data:
        raise refuse("the file is empty")
    if len(data) > MAX_BYTES:
        raise refuse(f"{len(data)} bytes, the limit is {MAX_BYTES}", "give a smaller picture")
    image: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise refuse("not a picture that can be read")
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    if image.shape[2] == 3:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2BGRA)
    height, width = image.shape[:2]
    scale = KEPT / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    picture = np.ascontiguousarray(cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA))
    return Reference(name, hashlib.sha256(data).hexdigest(), picture.astype(np.uint8))
