"""People at 64 px: a prompt becomes attributes and colours, the slot VAE draws every frame."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.models.cards import read_card
from aigc_assets.pipelines.characters.reference import region_ramps, taken_from
from aigc_assets.pipelines.characters.request import CharacterRequest
from aigc_assets.pipelines.characters.size64 import gear
from aigc_assets.pipelines.characters.words.prompt import Wish
from aigc_assets.pipelines.made import Made, load_model, provenance

MODEL = "character_cvae"
_ALIASES = {"attack": "slash"}


def vocabulary() -> Mapping[str, Any]:
    """What the model can draw."""
    return _vocabulary(str(read_card(MODEL)["sha256"]))


@functools.lru_cache(maxsize=2)
def _vocabulary(sha256: str) -> Mapping[str, Any]:
    drawn = read_card(MODEL)["vocabulary"]
    worn = {"weapon": gear.WEAPONS, "shield": gear.SHIELDS, "wings": gear.WINGS}
    attributes = {name: ["none", *values] for name, values in worn.items()}
    return {
        **drawn,
        "attributes": {**drawn["attributes"], **attributes},
        "classes": gear.extended(drawn["classes"]),
    }


def draw_character(
    request: CharacterRequest, wish: Wish, palette: NDArray[np.uint8], seed: int
) -> Made:
    """A person on 64 px frames, one row per tag; see `generate_character`."""
    from aigc_assets.pipelines.characters.colours.ramps import paint_table
    from aigc_assets.pipelines.characters.sheets.sheet import assemble, draw
    from aigc_assets.pipelines.characters.size64.wardrobe import choose_look

    checkpoint = load_model(MODEL, narrow=True)
    known = vocabulary()
    like: dict[str, Any] = {}
    if request.like is not None:
        like = region_ramps(request.like.picture)
        known = {**known, "colours": {**known["colours"], "like": like}}
    actions = tuple(_ALIASES.get(name, name) for name in request.animations)
    look = choose_look(wish, known, seed, actions, tuple(like))
    table, colours = paint_table(look, palette, known, seed)
    animations = tuple(zip(request.animations, actions, strict=True))
    drawing = draw(checkpoint, look.values, animations, seed)
    if any(look.values[name] != "none" for name in ("weapon", "shield", "wings")):
        classes = checkpoint.card["vocabulary"]["classes"]
        slots = gear.equip(drawing.slots, drawing.runs, drawing.numbers, look.values, classes)
        drawing = dataclasses.replace(drawing, slots=slots)
    sheet = assemble(drawing, table, palette)
    worn = ", ".join(f"{k}={v}" for k, v in look.values.items() if v != "none")
    tints = ", ".join(f"{s}={name}" for s, (_, name) in colours.items() if s not in gear.GEAR)
    made = provenance(
        checkpoint,
        seed,
        {
            "prompt": request.prompt,
            "animations": ",".join(request.animations),
            "size": request.size,
        },
        (
            "ramps fitted to the pack palette",
            f"specks removed; drawn: {worn}; {tints}",
            *taken_from(request.like),
        ),
        look.notes,
    )
    return Made(sheet, made)
