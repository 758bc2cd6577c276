"""Contact sheets of characters, one for each size and class.

A row is one character: its prompt, and some of its frames. All characters of a sheet are dressed
in one palette, as those of a pack are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from picture import BOARD, CAPTION, MARGIN, NAME, PAPER, Picture, write

from aigc_assets import World
from aigc_assets.types import SpriteSheet

PALETTE = 40


class Cast(NamedTuple):
    """Who is on a sheet.

    ``frames`` are (tag, frame of the tag) that are shown of each; ``scale`` is by how much pixels
    are enlarged. ``crowd`` figures come of each prompt, in one sheet.
    """

    size: int
    kind: str
    prompts: tuple[str, ...]
    frames: tuple[tuple[str, int], ...]
    scale: int
    columns: int
    seed: int = 7
    crowd: int | None = None
    generator: str | None = None


_STILL = (("idle", 0),)
_ACTOR = (
    ("idle_down", 0), ("walk_down", 1), ("walk_left", 1), ("walk_up", 1), ("walk_right", 3),
    ("attack_down", 0), ("attack_left", 0), ("jump_down", 0), ("dead", 0),
)  # fmt: skip
_ANIMAL = (
    ("idle_left", 0), ("walk_left", 0), ("walk_left", 1), ("walk_right", 1), ("attack_left", 1),
    ("jump_left", 1), ("hurt_left", 1), ("dead", 1),
)  # fmt: skip
_FIGURE = (
    ("idle_down", 0), ("walk_down", 2), ("walk_left", 2), ("walk_up", 2), ("run_right", 3),
    ("slash_down", 3),
)  # fmt: skip

SHEETS: dict[str, Cast] = {
    "people_16": Cast(
        16, "person",
        ("green ninja", "old monk", "red samurai", "princess", "blue mage", "villager",
         "caveman", "noble in purple", "inspector", "black sorcerer", "boy", "skeleton"),
        _ACTOR, 3, 2,
    ),
    "monsters_16": Cast(
        16, "monster",
        ("green slime", "red dragon", "blue spirit", "purple octopus", "mushroom", "cyclops",
         "fire skull", "yellow snake", "ice beast", "grey mouse"),
        _ACTOR, 3, 2,
    ),
    "animals_16": Cast(
        16, "animal",
        ("grey cat", "brown dog", "white chicken", "pink pig", "green frog", "monkey",
         "orange racoon", "black dog"),
        _ANIMAL, 3, 2,
    ),
    "plans_16": Cast(
        16, "animal",
        ("grey cat", "brown dog", "white chicken", "fox", "rabbit", "green snake", "lion", "owl"),
        _ANIMAL, 3, 2, generator="plans",
    ),
    "people_32": Cast(
        32, "person",
        ("knight", "green archer", "red wizard", "barbarian", "black monk", "blue paladin",
         "elf ranger", "orc warrior", "old priest", "golden king", "thief", "white witch",
         "dwarf, axe", "purple mage", "pirate", "assassin", "demon lord", "soldier"),
        _STILL, 3, 6,
    ),
    "monsters_32": Cast(
        32, "monster",
        ("goblin", "frost demon", "red dragon", "skeleton", "ghost", "green slime", "golem",
         "zombie", "naga", "fire elemental", "purple imp", "statue", "orc", "troll", "hydra",
         "lich", "blue beast", "ogre"),
        _STILL, 3, 6,
    ),
    "animals_32": Cast(
        32, "animal",
        ("wolf", "brown bear", "bat", "green snake", "spider", "yellow bee", "sheep", "rat",
         "frog", "white cat", "crab", "red butterfly"),
        _STILL, 3, 6,
    ),
    "items_32": Cast(
        32, "item",
        ("sword", "golden axe", "red potion", "blue book", "amulet", "scroll", "shield", "ring",
         "bow", "green robe", "helmet", "wand", "boots", "dagger", "staff", "apple", "mace",
         "gloves"),
        _STILL, 3, 6,
    ),
    "effects_32": Cast(
        32, "effect",
        ("fire", "blue bolt", "poison cloud", "ice", "magic", "explosion", "lightning",
         "green acid", "smoke", "purple orb", "golden light", "frost"),
        (("idle", 0), ("idle", 1)), 3, 6,
    ),
    "crowds_32": Cast(
        32, "person",
        ("villagers, guards and wizards", "soldiers", "wizards in purple", "green elves"),
        tuple((f"idle_{number}", 0) for number in range(1, 13)), 2, 1, crowd=12,
    ),
    "people_64": Cast(
        64, "person",
        ("young alchemist woman, green cloak, brown hair", "old wizard, blue robe, pointed hat",
         "knight with a sword and shield", "red-haired pirate", "merchant in yellow",
         "ranger, green hood, brown boots"),
        _FIGURE, 2, 1,
    ),
    "portraits_64": Cast(
        64, "portrait",
        ("young alchemist", "old wizard", "knight", "pirate", "princess", "ranger", "witch",
         "merchant"),
        (("portrait", 0),), 2, 4,
    ),
}  # fmt: skip


def draw_sheet(cast: Cast) -> Picture:
    """All characters of a sheet with their prompts, [H, W, 3] uint8."""
    world = World(seed=cast.seed, palette=PALETTE)
    actions = tuple(dict.fromkeys(tag.split("_")[0] for tag, _ in cast.frames))
    panels = []
    for number, prompt in enumerate(cast.prompts):
        sheet = world.character(
            f"c{number}", prompt, size=cast.size, kind=cast.kind, crowd=cast.crowd,
            animations=None if cast.crowd else actions, generator=cast.generator,
        )  # fmt: skip
        panels.append(draw_panel(sheet, prompt, cast))
    high, wide = (max(panel.shape[i] for panel in panels) for i in (0, 1))
    rows = -(-len(panels) // cast.columns)
    board = np.zeros(
        (rows * (high + MARGIN) + MARGIN, cast.columns * (wide + MARGIN) + MARGIN, 3),
        dtype=np.uint8,
    )
    board[:] = PAPER
    for i, panel in enumerate(panels):
        y = MARGIN + i // cast.columns * (high + MARGIN)
        x = MARGIN + i % cast.columns * (wide + MARGIN)
        board[y : y + panel.shape[0], x : x + panel.shape[1]] = panel
    return board


def draw_panel(sheet: SpriteSheet, prompt: str, cast: Cast) -> Picture:
    """Some frames of one character side by side and its prompt, [H, W, 3] uint8."""
    side = cast.size * cast.scale
    panel = np.zeros((side + CAPTION, side * len(cast.frames), 3), dtype=np.uint8)
    panel[:side], panel[side:] = BOARD, PAPER
    for place, (tag, number) in enumerate(cast.frames):
        frame = sheet.frame_image(sheet.tag(tag).start + number)
        large = frame.repeat(cast.scale, 0).repeat(cast.scale, 1)
        seen = large[..., 3] > 0
        panel[:side, place * side : (place + 1) * side][seen] = large[..., :3][seen]
    write(panel, prompt, 0, NAME)
    return panel
