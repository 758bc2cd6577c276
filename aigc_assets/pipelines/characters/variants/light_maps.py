"""What engines with two-dimensional lights want beside a sheet: normals, and what glows."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Glow:
    """Colours that glow when the prompt says one of some words.

    Args:
        words: Of the prompt, lower case.
        hues: First and last OKLCh hue in degrees, counted upwards past 360 where need be.
        light: Least OKLCh lightness.
        chroma: Least OKLCh chroma.
        share: Largest part of the figure that one colour covers, 0..1.
        upper: Whether nearly all of it must lie in the upper half, as eyes do.
    """

    words: frozenset[str]
    hues: tuple[int, int]
    light: float
    chroma: float
    share: float = 0.12
    upper: bool = False


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


GLOWS: tuple[Glow, ...] = (
    # bodies of light; skin is warm too, but never as strong
    Glow(_words("flame flames fireball lava magma phoenix explosion torch campfire bonfire"),
         (15, 115), 0.55, 0.105, 1.0),
    Glow(_words("ghost spirit wisp phantom spectre wraith elemental portal orb aura beam"),
         (0, 360), 0.62, 0.05, 1.0),
    Glow(_words("lantern lamp candle sun"), (40, 115), 0.62, 0.105, 1.0),
    Glow(_words("bolt spark sparks"), (75, 300), 0.62, 0.06, 1.0),
    # elements: the light tones of their hue, as long as they are few
    Glow(_words("fire flaming burning ember infernal"), (25, 115), 0.52, 0.105),
    Glow(_words("lightning electric thunder storm"), (75, 300), 0.62, 0.06, 0.1),
    Glow(_words("ice frost frozen frosty icy water"), (185, 285), 0.60, 0.045),
    Glow(_words("poison toxic acid venom plague"), (100, 170), 0.60, 0.07),
    Glow(_words("shadow void cursed"), (285, 350), 0.50, 0.07),
    Glow(_words("holy divine sacred celestial"), (60, 115), 0.75, 0.06),
    Glow(_words("magic magical enchanted arcane glowing"), (110, 400), 0.55, 0.085, 0.06),
    # small things
    Glow(_words("wizard mage sorcerer warlock magician staff wand rod sceptre"),
         (110, 400), 0.50, 0.08, 0.012),
    Glow(_words("gem jewel crystal diamond ruby emerald sapphire amulet ring potion elixir"),
         (110, 400), 0.45, 0.08, 0.3),
    Glow(_words("undead zombie ghoul lich revenant skeleton skull demon devil fiend imp vampire "
                "golem necromancer robot"), (0, 360), 0.40, 0.08, 0.02, upper=True),
)  # fmt: skip
"""What glows, by words; a figure of which no word is here is dark."""
EYE_HEIGHT = 0.5
"""Part of a figure, from its top, that counts as its upper half."""


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

    Colours glow, not pixels, so that nothing flickers; which ones is said in `GLOWS`.

    Args:
        sheet: The sheet.
        words: Of the prompt.
    """
    said = {part for word in words for part in re.findall(r"[^\W_]+", word.lower())}
    said |= {word.removesuffix("s") for word in said}
    rules = [glow for glow in GLOWS if glow.words & said]
    index = palette_index(sheet)
    image = sheet.image.copy()
    image[(index < 0) | ~_glowing(sheet, rules)[index]] = 0
    return SpriteSheet(image, sheet.frames, sheet.tags, used_colours(image, sheet.palette))


def _glowing(sheet: SpriteSheet, rules: list[Glow]) -> NDArray[np.bool_]:
    """Whether each colour of the palette glows."""
    light, a, b = to_oklab(sheet.palette).T
    chroma, hue = np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360
    index = palette_index(sheet)
    count = np.bincount(index[index >= 0], minlength=len(light)).astype(np.float64)
    share = count / max(1.0, count.sum())
    above = np.zeros(len(light))
    for frame in sheet.frames:
        x, y, w, h = frame.rect
        part = index[y : y + h, x : x + w]
        rows = np.flatnonzero((part >= 0).any(axis=1))
        if len(rows):
            half = int(rows[0] + (rows[-1] + 1 - rows[0]) * EYE_HEIGHT)
            above += np.bincount(part[:half][part[:half] >= 0], minlength=len(light))
    upper = above / np.maximum(count, 1.0)
    found = np.zeros(len(light), dtype=np.bool_)
    for rule in rules:
        of_hue = (hue - rule.hues[0]) % 360 <= rule.hues[1] - rule.hues[0]
        seen = (count > 0) & (share <= rule.share) & ((upper >= 0.9) | (not rule.upper))
        found |= seen & of_hue & (light >= rule.light) & (chroma >= rule.chroma)
    return found
