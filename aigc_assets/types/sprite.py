"""Animated sprite sheets in the vocabulary of Aseprite."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aigc_assets.types.validation import (
    frozen_array,
    require,
    require_int,
    require_pair,
    require_text,
    require_tuple,
)

DIRECTIONS = ("down", "up", "left", "right")
"""The four facings; animation tags are named ``<action>_<direction>``."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of an animation.

    Args:
        rect: x, y, width, height in px of the sheet, y down.
        duration_ms: How long it is shown.
        pivot: Point of the frame that stands on the ground, (x, y) in px from its top left.
    """

    rect: tuple[int, int, int, int]
    duration_ms: int
    pivot: tuple[int, int]

    def __post_init__(self) -> None:
        is_rect = isinstance(self.rect, tuple) and len(self.rect) == 4
        require(is_rect, "Frame.rect", "(x, y, width, height)", self.rect)
        for name, value, low in zip("xywh", self.rect, (0, 0, 1, 1), strict=True):
            require_int(value, f"Frame.rect.{name}", low)
        require_int(self.duration_ms, "Frame.duration_ms", 1, 60_000)
        require_pair(self.pivot, "Frame.pivot", 0)


@dataclass(frozen=True, slots=True)
class Tag:
    """A named run of frames, ``start`` inclusive to ``stop`` exclusive.

    ``direction`` is the playing order: ``forward``, ``reverse`` or ``pingpong``.
    """

    name: str
    start: int
    stop: int
    direction: str = "forward"

    def __post_init__(self) -> None:
        require_text(self.name, "Tag.name")
        require_int(self.start, f"Tag[{self.name}].start", 0)
        require_int(self.stop, f"Tag[{self.name}].stop", self.start + 1)
        known = ("forward", "reverse", "pingpong")
        where = f"Tag[{self.name}].direction"
        require(self.direction in known, where, f"one of {known}", self.direction)


@dataclass(frozen=True, slots=True)
class SpriteSheet:
    """A sheet of frames with named animations.

    Args:
        image: [H, W, 4] uint8 sRGB; alpha is 0 or 255 and pixels of alpha 0 are all zero.
        frames: In playing order.
        tags: Animations, names unique.
        palette: The colours that opaque pixels may have, [N, 3] uint8 sRGB.
    """

    image: NDArray[np.uint8]
    frames: tuple[Frame, ...]
    tags: tuple[Tag, ...]
    palette: NDArray[np.uint8]

    def __post_init__(self) -> None:
        image = frozen_array(self.image, "SpriteSheet.image", np.uint8, (None, None, 4))
        object.__setattr__(self, "image", image)
        palette = frozen_array(self.palette, "SpriteSheet.palette", np.uint8, (None, 3))
        object.__setattr__(self, "palette", palette)
        require(1 <= len(palette) <= 256, "SpriteSheet.palette", "1..256 colours", len(palette))
        require_tuple(self.frames, "SpriteSheet.frames", Frame)
        require(len(self.frames) > 0, "SpriteSheet.frames", "at least one frame", 0)
        require_tuple(self.tags, "SpriteSheet.tags", Tag)
        height, width = image.shape[:2]
        for i, frame in enumerate(self.frames):
            x, y, w, h = frame.rect
            inside = x + w <= width and y + h <= height
            where = f"SpriteSheet.frames[{i}].rect"
            require(inside, where, f"inside the {width}x{height} sheet", frame.rect)
        names = [tag.name for tag in self.tags]
        require(len(set(names)) == len(names), "SpriteSheet.tags", "unique names", names)
        for tag in self.tags:
            where = f"SpriteSheet.tags[{tag.name}]"
            require(tag.stop <= len(self.frames), where, f"stop <= {len(self.frames)}", tag.stop)
        alpha = image[..., 3]
        binary = bool(((alpha == 0) | (alpha == 255)).all())
        require(binary, "SpriteSheet.image", "alpha 0 or 255", "other alpha values")
        clean = not image[alpha == 0].any()
        require(clean, "SpriteSheet.image", "transparent pixels of value 0", "hidden colour")
        used = np.unique(_packed(image[alpha == 255][:, :3]))
        stray = np.setdiff1d(used, _packed(palette))
        shown = [f"#{int(value):06x}" for value in stray[:4]]
        require(len(stray) == 0, "SpriteSheet.image", "only colours of the palette", shown)

    def tag(self, name: str) -> Tag:
        """The animation called ``name``.

        Raises:
            KeyError: If there is none.
        """
        for tag in self.tags:
            if tag.name == name:
                return tag
        raise KeyError(name)

    def frame_image(self, index: int) -> NDArray[np.uint8]:
        """Pixels of frame ``index``, [h, w, 4], a read-only view."""
        x, y, w, h = self.frames[index].rect
        return self.image[y : y + h, x : x + w]


def _packed(rgb: NDArray[np.uint8]) -> NDArray[np.uint32]:
    wide = rgb.astype(np.uint32)
    packed: NDArray[np.uint32] = wide @ np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)
    return packed
