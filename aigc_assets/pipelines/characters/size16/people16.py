"""People of 16 px: words choose a head, a face and a body, the slot mixer draws every pose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.models.cards import read_card
from aigc_assets.pipelines.characters.reference import region_ramps, taken_from
from aigc_assets.pipelines.characters.request import CharacterRequest
from aigc_assets.pipelines.characters.size16 import animated16, tiny_colours, tiny_frames
from aigc_assets.pipelines.characters.size16.wardrobe16 import (
    CLOTH,
    DARK,
    HAIR,
    SKIN,
    STYLES,
    Figure,
    choose_figure,
)
from aigc_assets.pipelines.characters.words.lexicon import words
from aigc_assets.pipelines.characters.words.prompt import Wish
from aigc_assets.pipelines.made import Made, load_model, provenance
from aigc_assets.types.sprite import DIRECTIONS
from aigc_assets.types.validation import Scalar

MODEL = "people16_mixer"
FOREHEAD = 6
"""Rows of a head, from the neck up, that stay when another gives the crown."""
_LIKE = {"skin": "skin", "hair": "hair", "cloth": "torso", "band": "legs"}
"""Slots, and the part of a reference picture that gives their colours."""
QUIET = ("white", "charcoal", "linen", "umber")
"""Second colours beside one that the prompt names: they let it be seen."""
HAIR_SLOT = 5
"""First slot of the hair; trim comes three later."""
CLOTH_SLOT, WHITE_SLOT = 11, 17
"""First slot of the clothes, and the first after them."""
COLOURS_OF = "character_cvae"
"""Model whose card names the ramps."""


def vocabulary() -> Mapping[str, Any]:
    """Words for heads and bodies, and the named ramps."""
    card = read_card(MODEL)["vocabulary"]
    texts = [*card["heads"].values(), *card["bodies"].values()]
    known = sorted({word for text in texts for word in text.split()})
    return {
        "attributes": {"figure": known, "body": ["feminine", "masculine"]},
        "colours": read_card(COLOURS_OF)["vocabulary"]["colours"],
    }


def draw_character(
    request: CharacterRequest, wish: Wish, palette: NDArray[np.uint8], seed: int
) -> Made:
    """A person on 16 px frames, one row per tag; see `generate_character`."""
    if request.like is not None and animated16.fits(request.like):
        return animated16.draw_animated(request, request.like, palette, seed)
    checkpoint = load_model(MODEL)
    card = checkpoint.card["vocabulary"]
    figure = choose_figure(words(request.prompt), wish, card, seed)
    like = region_ramps(request.like.picture) if request.like is not None else {}
    table, tints = paint_table(figure, wish, card, palette, seed, like)
    poses = draw_poses(checkpoint, figure, card)
    runs = tiny_frames.person_runs(poses, request.animations, DIRECTIONS)
    asset = tiny_frames.sheet(runs, table, palette)
    drawn = f"crown={figure.crown}, head={figure.head}, face={figure.face or figure.head}, "
    drawn += f"body={figure.body}" + (", scarf" if figure.scarf else "")
    painted = ", ".join(f"{slot}={name}" for slot, name in tints.items())
    made_for: Mapping[str, Scalar] = {
        "prompt": request.prompt,
        "animations": ",".join(request.animations),
        "size": request.size,
    }
    operations = ("ramps fitted to the pack palette", f"drawn: {drawn}; {painted}",
                  *taken_from(request.like))  # fmt: skip
    return Made(
        asset, provenance(checkpoint, seed, made_for, operations, _notes(request.animations))
    )


def _notes(animations: Sequence[str]) -> tuple[str, ...]:
    derived = [name for name in animations if name in ("idle", "hurt")]
    return (
        (f"{', '.join(derived)}: derived by rule from the standing frame (no drawing was learnt)",)
        if derived
        else ()
    )


def paint_table(
    figure: Figure,
    wish: Wish,
    card: Mapping[str, Any],
    palette: NDArray[np.uint8],
    seed: int,
    like: Mapping[str, Any],
) -> tuple[NDArray[np.intp], dict[str, str]]:
    """Palette index of every slot class, and the names of the ramps.

    Args:
        figure: What is painted.
        wish: What the prompt asks for.
        card: Vocabulary of the model card.
        palette: Of the pack, [N, 3].
        seed: Of the request.
        like: Ramps of a reference picture, for what the prompt leaves open.
    """
    ramps = {**read_card(COLOURS_OF)["vocabulary"]["colours"], "like": like}
    covering, usual = STYLES.get(figure.head, ("hair", HAIR))
    outline = tiny_colours.fixed("outline", palette)
    warm, bare = tiny_colours.warm(palette), tiny_colours.bare(palette)
    fitted: dict[str, NDArray[np.intp]] = {}
    names: dict[str, str] = {}

    def take(slot: str, kind: str, asked: tuple[str, ...] | None, usual: Sequence[str],
             apart: Sequence[str], usable: NDArray[np.intp] | None = None) -> None:  # fmt: skip
        if not asked and _LIKE.get(slot) in like:
            kind, asked = "like", (_LIKE[slot],)
        wanted = [asked] if asked else tiny_colours.shuffled(usual, seed, "colour16", slot)
        if asked and tiny_colours.tones(asked, kind, ramps) is None:
            wanted = tiny_colours.shuffled(usual, seed, "colour16", slot)
        others = [fitted[name] for name in apart if name in fitted]
        fitted[slot], names[slot] = tiny_colours.choose(
            slot, wanted, kind, ramps, palette, others, outline, usable
        )

    colours, habits = wish.colours, wish.colour_habits
    main = next((colours[s] for s in ("torso", "over") if s in colours), None)
    if covering == "bones":
        take("skin", "cloth", colours.get("skin"), usual, (), bare)
    elif covering == "being":
        take("skin", "cloth", colours.get("skin") or colours.get("hair"), usual, ())
    else:
        take("skin", "skin", colours.get("skin"), habits.get("skin", SKIN), (), warm)
    usual_cloth = habits.get("torso", DARK if covering == "hood" else CLOTH)
    take("cloth", "cloth", main, (*usual_cloth, *CLOTH), ("skin",))
    accent = colours.get("accent") if main != colours.get("accent") else None
    if covering == "being":
        fitted["hair"], names["hair"] = fitted["skin"], names["skin"]
    elif covering == "hood" and accent is None:
        fitted["hair"], names["hair"] = fitted["cloth"], names["cloth"]
    elif covering in ("hat", "hood"):
        take("hair", "cloth", accent or colours.get("metal"), usual, ("skin", "cloth"))
    else:
        usual = usual if covering == "hair" else HAIR
        take("hair", "hair", colours.get("hair"), habits.get("hair", usual), ("skin",))
    hat, worn = STYLES.get(figure.crown, ("hair", CLOTH)) if figure.hat else ("", CLOTH)
    if hat == "hood" and accent is None:
        fitted["trim"], names["trim"] = fitted["cloth"], names["cloth"]
    elif hat:
        take("trim", "cloth", accent or colours.get("metal"), (*worn, *CLOTH), ("hair", "skin"))
    else:
        take("trim", "cloth", accent, QUIET if main else ("white", "red", "mustard", *CLOTH),
             ("hair", "skin"))  # fmt: skip
    legs = colours.get("legs") if main != colours.get("legs") else None
    take("band", "cloth", legs or colours.get("feet"),
         QUIET if main else ("umber", "linen", "charcoal", *CLOTH),
         ("cloth", "skin"))  # fmt: skip
    table = np.zeros(len(card["classes"]), dtype=np.intp)
    for number, name in enumerate(card["classes"]):
        group, _, shade = name.partition(" ")
        if shade:
            table[number] = fitted[group][int(shade) - 1]
        elif number:
            table[number] = tiny_colours.fixed(name, palette)
    return table, names


def draw_poses(
    checkpoint: Any, figure: Figure, card: Mapping[str, Any]
) -> dict[tuple[str, str], NDArray[np.uint8]]:
    """Slots [16, 16] of a figure by pose, cleaned; those that stand are on the ground."""
    import torch

    face = 1 + card["faces"].index(figure.face) if figure.face else 0
    rest = [list(card["bodies"]).index(figure.body), int(figure.scarf)]
    heads = list(card["heads"])
    poses = [(str(row), str(side)) for row, side in card["poses"]]
    numbers = [[heads.index(figure.head), face, *rest]]
    if figure.crown != figure.head:
        numbers.append([heads.index(figure.crown), 0, *rest])
    items = torch.tensor(numbers).repeat_interleave(len(poses), 0)[..., None]
    with torch.inference_mode():
        logits = checkpoint.network(
            items, torch.ones(items.shape), torch.arange(len(poses)).repeat(len(numbers))
        )
    slots = logits.argmax(1).numpy().astype(np.uint8).reshape(-1, len(poses), *logits.shape[2:])
    found = {}
    for number, pose in enumerate(poses):
        frame = slots[0, number]
        if len(slots) > 1:
            row = max(0, int(card["neck"][number]) - FOREHEAD)
            frame = crowned(slots[1, number], frame, row, hat=figure.hat)
        found[pose] = frame
    necks = dict(zip(poses, (int(row) for row in card["neck"]), strict=True))
    for side in DIRECTIONS:
        stand = found["walk 0", side]
        for step in ("walk 1", "walk 2", "walk 3"):
            found[step, side] = same_head(
                stand, found[step, side], necks["walk 0", side], necks[step, side]
            )
    found = {pose: tiny_frames.clean(frame) for pose, frame in found.items()}
    return {
        pose: tiny_frames.grounded(frame) if pose[0].startswith("walk") else frame
        for pose, frame in found.items()
    }


def same_head(
    stand: NDArray[np.uint8], step: NDArray[np.uint8], neck: int, moved: int
) -> NDArray[np.uint8]:
    """A step of the walk with the head of the standing frame, moved as the neck moves.

    A head is drawn anew in every pose; while it only moves it shall not change.

    Args:
        stand: Slots of the standing frame.
        step: Slots of the step.
        neck: First row of the body in the standing frame.
        moved: The same in the step.
    """
    rows = np.arange(len(stand))[:, None]

    def head_of(frame: NDArray[np.uint8], first: int) -> NDArray[np.bool_]:
        worn = (frame >= HAIR_SLOT) & (frame < CLOTH_SLOT)
        dressed = (frame >= CLOTH_SLOT) & (frame < WHITE_SLOT) & (rows >= first - 2)
        return np.asarray((frame > 0) & (((rows < first) & ~dressed) | worn))

    head = np.where(head_of(stand, neck), stand, 0)
    top = int(np.flatnonzero(head.any(1))[0]) if head.any() else 0
    by = max(moved - neck, -top)  # a head at the upper edge stays
    head = np.roll(head, by, 0)
    if by > 0:
        head[:by] = 0  # long hair that leaves the frame below
    body = np.where(head_of(step, moved), 0, step)
    return np.where(head > 0, head, body).astype(np.uint8)


def crowned(
    crown: NDArray[np.uint8], head: NDArray[np.uint8], row: int, *, hat: bool
) -> NDArray[np.uint8]:
    """The rows of one head above ``row`` over another, with the outline closed where they meet.

    Args:
        crown: Slots of the figure that gives the upper rows.
        head: Slots of the figure that gives the others.
        row: First row of ``head``.
        hat: Whether what covers the crown is painted as trim, because the hair is another's.
    """
    top = crown[:row]
    if hat:
        covering = (top >= HAIR_SLOT) & (top < HAIR_SLOT + 3)
        top = np.where(covering, top + 3, top)
    out = np.concatenate([top, head[row:]]).astype(np.uint8)
    drawn = np.pad(out > 0, 1)
    inner = drawn[:-2, 1:-1] & drawn[2:, 1:-1] & drawn[1:-1, :-2] & drawn[1:-1, 2:]
    seam = slice(max(0, row - 1), row + 1)
    out[seam][(out[seam] > 0) & ~inner[seam]] = 1
    return out
