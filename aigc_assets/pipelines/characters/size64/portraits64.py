"""Portraits: head and shoulders of the person that the same words draw, at twice the size."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.characters.request import CharacterRequest
from aigc_assets.pipelines.characters.size64 import people64
from aigc_assets.pipelines.characters.words.prompt import Wish
from aigc_assets.pipelines.made import Made
from aigc_assets.types import Frame, SpriteSheet, Tag

_SIDE = 64
_CROWN = 11
"""Highest row of the frame that a portrait shows."""


def vocabulary() -> Mapping[str, Any]:
    """What can be drawn: all that a person of 64 px can be."""
    return people64.vocabulary()


def draw_character(
    request: CharacterRequest, wish: Wish, palette: NDArray[np.uint8], seed: int
) -> Made:
    """One 64 px frame, tag ``portrait``; the same seed as a person's shows the same person."""
    from aigc_assets.pipelines.characters.variants.doubling import doubled_by_rule

    # Heads stay clear of what the hands hold.
    values = {**wish.values, "weapon": ("none",), "shield": ("none",)}
    person = CharacterRequest(request.prompt, ("idle",), 64, "person", request.like)
    bare = dataclasses.replace(wish, values=values)
    made = people64.draw_character(person, bare, palette, seed)
    sheet = cast(SpriteSheet, made.asset)
    front = sheet.frame_image(sheet.tag("idle_down").start)
    rows = np.flatnonzero((front[..., 3] > 0).any(1))
    # A tall hat loses its tip rather than the wearer the chin.
    top = min(max(_CROWN, int(rows[0]) - 1), _SIDE // 2) if len(rows) else _CROWN
    bust = np.ascontiguousarray(front[top : top + _SIDE // 2, _SIDE // 4 : -_SIDE // 4])
    small = _single(bust, sheet.palette)
    large = doubled_by_rule(small).image
    operations = ("head and shoulders doubled by copying neighbours (EPX)",)
    source = dataclasses.replace(
        made.provenance,
        request={**made.provenance.request, "animations": "portrait", "kind": "portrait"},
        operations=(*made.provenance.operations, *operations),
    )
    return Made(_single(large, sheet.palette), source)


def _single(picture: NDArray[np.uint8], palette: NDArray[np.uint8]) -> SpriteSheet:
    """A sheet of one frame that stands on its lower edge."""
    height, width = picture.shape[:2]
    used = np.unique(picture[picture[..., 3] > 0][:, :3], axis=0)
    frame = Frame((0, 0, width, height), 1000, (width // 2, height - 1))
    return SpriteSheet(picture, (frame,), (Tag("portrait", 0, 1),), used if len(used) else palette)
