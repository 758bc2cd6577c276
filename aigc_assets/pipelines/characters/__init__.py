"""Characters: a prompt becomes attributes and colours, the slot VAE draws every frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import UsageError
from aigc_assets.pipelines.made import Made, load_model, provenance

__all__ = ["ANIMATIONS", "SIZES", "CharacterRequest", "generate_character"]

MODEL = "character_cvae"
SIZES: tuple[int, ...] = (64,)
"""Frame sizes in px that there is a model for."""
ANIMATIONS: tuple[str, ...] = ("idle", "walk", "run", "jump", "sit", "slash", "attack")
"""Animations; ``attack`` is another name of ``slash``."""

_ALIASES = {"attack": "slash"}


@dataclass(frozen=True)
class CharacterRequest:
    """What to draw.

    Args:
        prompt: Who it is, such as "young alchemist woman, green cloak, brown hair".
        animations: Names from `ANIMATIONS`; tags are ``<animation>_<direction>`` in this order.
        size: Frame size in px, one of `SIZES`.

    Raises:
        UsageError: If an animation or the size is not available.
    """

    prompt: str
    animations: tuple[str, ...] = ("idle", "walk")
    size: int = 64

    def __post_init__(self) -> None:
        object.__setattr__(self, "animations", tuple(self.animations))
        if self.size not in SIZES:
            raise UsageError(
                f"no characters of {self.size} px",
                where="size",
                remedy=f"one of: {', '.join(map(str, SIZES))}",
            )
        if not self.animations:
            raise UsageError("no animation asked for", where="animations", remedy=_offer())
        for name in self.animations:
            if name not in ANIMATIONS:
                raise UsageError(f"no animation {name!r}", where="animations", remedy=_offer())
        if len(set(self.animations)) != len(self.animations):
            raise UsageError("an animation is listed twice", where="animations")


def generate_character(request: CharacterRequest, palette: NDArray[np.uint8], seed: int) -> Made:
    """Draw an animated character in the colours of a pack.

    Args:
        request: What to draw.
        palette: Colours of the pack, [N, 3] uint8 sRGB, N >= 2.
        seed: Decides what the prompt leaves open.

    Returns:
        A `SpriteSheet` of 64 px frames, one row per tag, and its provenance; words of the prompt
        that mean nothing to the model are in its notes.

    Raises:
        UsageError: If the prompt is empty or too long, or the palette has fewer than two colours.
        WeightsError: If the weights of the model are missing or altered.
    """
    from aigc_assets.pipelines.characters.colours import paint_table
    from aigc_assets.pipelines.characters.prompt import parse_prompt
    from aigc_assets.pipelines.characters.sheet import assemble, draw
    from aigc_assets.pipelines.characters.wardrobe import choose_look

    palette = np.asarray(palette, dtype=np.uint8)
    if palette.ndim != 2 or palette.shape[1] != 3 or len(palette) < 2:
        raise UsageError("a palette needs at least two colours, [N, 3]", where="palette")
    checkpoint = load_model(MODEL, narrow=True)
    vocabulary = checkpoint.card["vocabulary"]
    wish = parse_prompt(request.prompt, vocabulary)
    actions = tuple(_ALIASES.get(name, name) for name in request.animations)
    look = choose_look(wish, vocabulary, seed, actions)
    table, colours = paint_table(look, palette, vocabulary, seed)
    animations = tuple(zip(request.animations, actions, strict=True))
    sheet = assemble(draw(checkpoint, look.values, animations, seed), table, palette)
    worn = ", ".join(f"{k}={v}" for k, v in look.values.items() if v != "none")
    tints = ", ".join(f"{slot}={name}" for slot, (_, name) in colours.items())
    notes = [f"unknown word: {word}" for word in wish.unknown]
    if not (wish.values or wish.habits or wish.colours):
        notes.append("no word of the prompt is known: the seed decided everything")
    made = provenance(
        checkpoint,
        seed,
        {
            "prompt": request.prompt,
            "animations": ",".join(request.animations),
            "size": request.size,
        },
        ("ramps fitted to the pack palette", f"specks removed; drawn: {worn}; {tints}"),
        (*notes, *look.notes),
    )
    return Made(sheet, made)


def _offer() -> str:
    return f"one of: {', '.join(ANIMATIONS)}"
