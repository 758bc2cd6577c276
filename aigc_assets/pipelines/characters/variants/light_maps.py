"""What engines with two-dimensional lights want beside a sheet: normals, and what glows."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.characters.variants.frames import (
    palette_index,
    pictures,
    used_colours,
)
from aigc_assets.pipelines.characters.variants.recolour import INK, ramps_of
from aigc_assets.pipelines.palettes import to_oklab
from aigc_assets.types import Frame, SpriteSheet

FLAT = (128, 128, 255)
"""A normal that looks straight out of the picture."""
_DIRECTIONS = 254
"""Of a sheet of normals: with `FLAT` as many as a palette holds."""

ROUNDNESS, PARTS, SHADING = 1.25, 0.30, 0.9
"""Heights of the whole figure, of its parts and of light tones in the relief."""

GLOW_LIGHT, GLOW_CHROMA, GLOW_SHARE = 0.70, 0.105, 0.02
EYE_CHROMA, EYE_SHARE, EYE_HEIGHT = 0.12, 0.012, 0.5
GLINT_LIGHT, GLINT_CHROMA, GLINT_SHARE = 0.88, 0.035, 0.03
FIRE = frozenset(
    ("fire", "flame", "flaming", "burning", "lava", "magma", "glowing", "ghost", "spirit", "wisp",
     "lightning", "spark", "magic", "torch", "lantern", "ember", "phoenix", "demon")
)  # fmt: skip
"""Words of a prompt that let large bright areas glow too."""


def normal_map(sheet: SpriteSheet, *, green_down: bool = False) -> NDArray[np.uint8]:
    """Normals of a sheet, [H, W, 3] uint8: linear data, never sRGB.

    The silhouette is inflated like a cushion, parts of one colour family a little more, and light
    tones of a family stand out before dark ones. Outside of the figure normals are `FLAT`.

    Args:
        sheet: The sheet.
        green_down: -Y as Unreal (DirectX) has it; else +Y as glTF, Godot and Unity (OpenGL).
    """
    image = np.full((*sheet.image.shape[:2], 3), FLAT, dtype=np.uint8)
    different, numbers = pictures(sheet)
    drawn = [encode_normals(_normals(picture), green_down) for picture in different]
    for number, frame in zip(numbers, sheet.frames, strict=True):
        x, y, w, h = frame.rect
        image[y : y + h, x : x + w] = drawn[number]
    return image


def normal_sheet(sheet: SpriteSheet, *, green_down: bool = False) -> SpriteSheet:
    """`normal_map` as a sheet of the same layout, opaque everywhere.

    A sheet has at most 256 colours: normals are rounded to the nearest of 254 directions spread
    evenly over the half sphere, by 5 degrees at most but for few.
    """
    exact = normal_map(sheet, green_down=green_down)
    known = np.concatenate([[[0.0, 0.0, 1.0]], _half_sphere(_DIRECTIONS)])
    colours, inverse = np.unique(exact.reshape(-1, 3), axis=0, return_inverse=True)
    vectors = colours.astype(np.float64) / 127.5 - 1
    nearest = (vectors @ known.T).argmax(axis=1)
    nearest[(colours == FLAT).all(axis=1)] = 0
    table = encode_normals(known, False)
    table[0] = FLAT
    image = np.full((*exact.shape[:2], 4), 255, dtype=np.uint8)
    image[..., :3] = table[nearest[inverse.reshape(-1)]].reshape(exact.shape)
    return SpriteSheet(image, sheet.frames, sheet.tags, used_colours(image, sheet.palette))


def encode_normals(normals: NDArray[np.float64], green_down: bool) -> NDArray[np.uint8]:
    """Unit vectors [..., 3] as colours: -1..1 becomes 0..255."""
    turned = normals * np.array([1.0, -1.0 if green_down else 1.0, 1.0])
    colours: NDArray[np.uint8] = np.floor(turned * 127.5 + 128).clip(0, 255).astype(np.uint8)
    return colours


def _half_sphere(count: int) -> NDArray[np.float64]:
    """Directions spread evenly over the half of the sphere that looks out, [count, 3]."""
    turn = math.pi * (3 - math.sqrt(5))
    number = np.arange(count)
    z = 1 - (number + 0.5) / count
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(turn * number), r * np.sin(turn * number), z], axis=1)


def _normals(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Unit normals of one frame, [h, w, 3], y up."""
    opaque = np.pad(picture[..., 3] == 255, 1)
    size = max(8, min(picture.shape[:2]))
    family, light = _families(picture)
    family = np.pad(family, 1, constant_values=-1)
    light = np.pad(light, 1)
    reach = size / 6.5
    height = ROUNDNESS * _cushion(opaque, opaque & _neighbours(opaque), reach)
    alike = (_neighbours(family) == family) & opaque
    height += PARTS * _cushion(opaque, alike, reach / 3)
    height += SHADING * _smooth(_smooth(light, opaque), opaque)
    across = (height[1:-1, 2:] - height[1:-1, :-2]) / 2
    down = (height[2:, 1:-1] - height[:-2, 1:-1]) / 2
    vectors = np.stack([-across, down, np.ones_like(across)], axis=2)
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    vectors[~opaque[1:-1, 1:-1]] = (0.0, 0.0, 1.0)
    return vectors


def _cushion(
    inside: NDArray[np.bool_], joined: NDArray[np.bool_], reach: float
) -> NDArray[np.float64]:
    """Height of a membrane that is blown up and held at its rim, in px.

    The root of the solution u of the screened Poisson equation lap(u) - u / reach² = -1, u = 0
    beyond the rim: round near the rim, level far from it.

    Args:
        inside: Where there is a membrane, [h, w].
        joined: Whether it goes on to the right, left, lower and upper neighbour, [4, h, w].
        reach: Px from the rim to the level part.
    """
    level = np.zeros(inside.shape)
    weight = 1 / (4 + 1 / reach**2)
    joined = joined.astype(np.float64)
    for _ in range(int(6 * reach) + 8):
        level = np.where(inside, ((_neighbours(level) * joined).sum(axis=0) + 1) * weight, 0.0)
    return np.sqrt(level)


def _neighbours(field: NDArray[np.generic]) -> NDArray[np.generic]:
    """The right, left, lower and upper neighbour of every pixel, [4, h, w]; the rim wraps."""
    return np.stack(
        [np.roll(field, -1, 1), np.roll(field, 1, 1), np.roll(field, -1, 0), np.roll(field, 1, 0)]
    )


def _families(picture: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Number of each pixel's colour family, and how light it is within the family."""
    family = np.full(picture.shape[:2], -1, dtype=np.int64)
    light = np.zeros(picture.shape[:2])
    opaque = picture[..., 3] == 255
    if not opaque.any():
        return family, light
    sheet = _one_frame(picture)
    index = palette_index(sheet)
    lab = to_oklab(sheet.palette)
    group = np.zeros(len(lab), dtype=np.int64)
    tone = np.zeros(len(lab))
    for number, ramp in enumerate(ramps_of(sheet.palette), 1):
        group[ramp.colours] = number
        tone[ramp.colours] = lab[ramp.colours, 0] - lab[ramp.colours, 0].mean()
    # Outlines belong to no family; as deep as the darkest tones, they would be trenches.
    tone[lab[:, 0] < INK] = -0.10
    family[opaque], light[opaque] = group[index[opaque]], tone[index[opaque]]
    return family, light


def _one_frame(picture: NDArray[np.uint8]) -> SpriteSheet:
    height, width = picture.shape[:2]
    frame = Frame((0, 0, width, height), 1, (0, 0))
    return SpriteSheet(picture, (frame,), (), used_colours(picture, picture[0, :1, :3]))


def _smooth(field: NDArray[np.float64], inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean over the 3x3 surroundings, weighed 1 2 1, of what lies inside."""
    mask = inside.astype(np.float64)
    top, bottom = field * mask, mask
    for axis in (0, 1):
        top = np.roll(top, 1, axis) + 2 * top + np.roll(top, -1, axis)
        bottom = np.roll(bottom, 1, axis) + 2 * bottom + np.roll(bottom, -1, axis)
    return np.where(inside, top / np.maximum(bottom, 1e-9), 0.0)


def emission(sheet: SpriteSheet, words: tuple[str, ...] = ()) -> SpriteSheet:
    """What glows by itself, in its own colours; the rest is transparent.

    The rule looks at colours, not at pixels, so that nothing flickers. A colour glows if it is

    - light and strong (flames, gems): lightness >= 0.70 and chroma >= 0.105 in OKLCh, on at most
      2 % of the figure, or on any part of it when a word such as "flame" or "ghost" is given;
    - strong and rare in the upper half (eyes): chroma >= 0.12 on at most 1.2 % of the figure;
    - nearly white among greys (glints of metal): lightness >= 0.88, chroma <= 0.035, on at most
      3 %, at least half of its neighbours of another colour being grey.

    Args:
        sheet: The sheet.
        words: Of the prompt.
    """
    glowing = _glowing(sheet, bool(FIRE & {word.lower() for word in words}))
    index = palette_index(sheet)
    image = sheet.image.copy()
    image[(index < 0) | ~glowing[index]] = 0
    return SpriteSheet(image, sheet.frames, sheet.tags, used_colours(image, sheet.palette))


def _glowing(sheet: SpriteSheet, bright_words: bool) -> NDArray[np.bool_]:
    """Whether each colour of the palette glows."""
    lab = to_oklab(sheet.palette)
    light, chroma = lab[:, 0], np.hypot(lab[:, 1], lab[:, 2])
    index = palette_index(sheet)
    opaque = index >= 0
    count = np.bincount(index[opaque], minlength=len(lab)).astype(np.float64)
    share = count / max(1.0, count.sum())
    above = np.zeros(len(lab))
    for frame in sheet.frames:
        x, y, w, h = frame.rect
        part = index[y : y + h, x : x + w]
        rows = np.flatnonzero((part >= 0).any(axis=1))
        if len(rows):
            half = int(rows[0] + (rows[-1] + 1 - rows[0]) * EYE_HEIGHT)
            above += np.bincount(part[:half][part[:half] >= 0], minlength=len(lab))
    upper = above / np.maximum(count, 1.0)
    metal = _grey_neighbours(index, (chroma <= GLINT_CHROMA) & (light >= INK))
    bright = (light >= GLOW_LIGHT) & (chroma >= GLOW_CHROMA)
    flames = bright & ((share <= GLOW_SHARE) | bright_words)
    eyes = (chroma >= EYE_CHROMA) & (share <= EYE_SHARE) & (upper >= 0.9) & (light >= 0.4)
    glints = (light >= GLINT_LIGHT) & (chroma <= GLINT_CHROMA) & (share <= GLINT_SHARE)
    result: NDArray[np.bool_] = (count > 0) & (flames | eyes | (glints & (metal >= 0.5)))
    return result


def _grey_neighbours(index: NDArray[np.intp], grey: NDArray[np.bool_]) -> NDArray[np.float64]:
    """For each colour the share of grey among its opaque neighbours of another colour."""
    padded = np.pad(index, 1, constant_values=-1)
    other = np.zeros(len(grey))
    hits = np.zeros(len(grey))
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        beside = padded[1 + dy : 1 + dy + index.shape[0], 1 + dx : 1 + dx + index.shape[1]]
        seen = (index >= 0) & (beside >= 0) & (beside != index)
        other += np.bincount(index[seen], minlength=len(grey))
        hits += np.bincount(index[seen], weights=grey[beside[seen]], minlength=len(grey))
    return hits / np.maximum(other, 1.0)
