"""The fast path: many 32 px figures at once, drawn by the slot GAN, two frames of idle each.

All work is on the whole crowd: one table takes the global colours of the network to the palette of
the pack, one gather makes the second frame. Figure number i depends on the seed and on i, not on
how many there are.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import UsageError
from aigc_assets.models.cards import read_card
from aigc_assets.pipelines.characters.request import (
    CROWD_SIZE,
    LARGEST_CROWD,
    CharacterRequest,
)
from aigc_assets.pipelines.characters.words.kinds import kind_of
from aigc_assets.pipelines.characters.words.lexicon import IGNORED, words
from aigc_assets.pipelines.characters.words.prompt import MAX_PROMPT
from aigc_assets.pipelines.made import Made, derive_seed, generator, load_model, provenance
from aigc_assets.types import Frame, SpriteSheet, Tag
from aigc_assets.types.oklab import nearest

MODEL = "crowd_gan"
SIDE = CROWD_SIZE
PIVOT = (16, 31)
DURATION_MS = 500
BATCH = 32
"""Figures that go through the network at once; the last batch is filled up, so that no figure
depends on how many there are."""
MIN_SPECK = 4
"""Connected specks of fewer pixels than this are not part of a figure."""
WAIST = 0.62
"""What of a figure sinks in the second frame: this share of its height, from the top."""

_WORDS: Mapping[str, tuple[str, ...]] = {
    # class of the network: words for it that its name lacks
    "person/mage": tuple("wizard witch sorcerer sorceress priest priestess cleric monk scholar "
                         "alchemist necromancer druid noble queen king princess".split()),
    "person/warrior": tuple("guard soldier knight paladin fighter captain gladiator viking "
                            "barbarian samurai berserker militia army".split()),
    "person/villager": tuple("peasant farmer merchant townsfolk folk people citizen bandit thief "
                             "rogue child man woman blacksmith bard pirate crowd mob".split()),
    "monster/undead": tuple("zombie ghoul lich mummy vampire revenant wight".split()),
    "monster/skeleton": ("bones",),
    "monster/ghost": tuple("spirit spectre phantom wraith shade".split()),
    "monster/demon": tuple("devil imp fiend demonspawn".split()),
    "monster/giant": tuple("ogre troll ettin cyclops titan".split()),
    "monster/dragon": tuple("drake wyvern hydra".split()),
    "monster/plant": tuple("treant mushroom fungus tree".split()),
    "monster/statue": tuple("gargoyle golem".split()),
    "monster/nonliving": tuple("elemental vortex wisp".split()),
    "monster/beast": tuple("chimera manticore griffon harpy".split()),
    "monster/humanoid": tuple("goblin orc kobold gnoll hobgoblin elf dwarf".split()),
    "animal/insect": tuple("bee wasp ant moth butterfly beetle bug".split()),
    "animal/mammal": tuple("wolf dog cat bear rat pig boar sheep yak hound".split()),
}  # fmt: skip


def generate_crowd(
    request: CharacterRequest, count: int, palette: NDArray[np.uint8], seed: int
) -> list[Made]:
    """Draw many figures of one prompt in the colours of a pack.

    Args:
        request: What to draw; kind and words choose the classes, the rest is left to chance.
        count: How many figures, 1..`LARGEST_CROWD`.
        palette: Of the pack, [N, 3] uint8 sRGB, N >= 2.
        seed: Decides everything else.

    Returns:
        Sheets of two 32 px frames, tag ``idle``.

    Raises:
        UsageError: If the count, the prompt or the palette is out of range.
        WeightsError: If the weights of the model are missing or altered.
    """
    if not 1 <= count <= LARGEST_CROWD:
        raise UsageError(f"a crowd has 1..{LARGEST_CROWD} figures, not {count}", where="crowd")
    palette = np.asarray(palette, dtype=np.uint8)
    if palette.ndim != 2 or palette.shape[1] != 3 or len(palette) < 2:
        raise UsageError("a palette needs at least two colours, [N, 3]", where="palette")
    if not 1 <= len(request.prompt.strip()) <= MAX_PROMPT:
        raise UsageError(
            f"the prompt has {len(request.prompt.strip())} characters, not 1..{MAX_PROMPT}",
            where="prompt",
            remedy='say who they are: "villagers"',
        )
    checkpoint = load_model(MODEL, narrow=True)
    known = checkpoint.card["vocabulary"]
    labels = choose_classes(request, known["classes"])
    slots = tidy(draw(checkpoint, labels, count, seed))
    table = nearest(palette, np.array(known["colours"], dtype=np.uint8))
    sheets = assemble(np.stack([slots, sunk(slots)], 1), table, palette)
    drawn_as = ", ".join(known["classes"][label] for label in labels)
    return [
        Made(
            sheet,
            provenance(
                checkpoint,
                seed,
                {"prompt": request.prompt, "kind": request.kind, "size": SIDE},
                ("global colours put onto the pack palette", f"specks removed; one of: {drawn_as}"),
                not_drawn(request, known["classes"]),
            ),
        )
        for sheet in sheets
    ]


def draw_crowd(request: CharacterRequest, palette: NDArray[np.uint8], seed: int) -> Made:
    """``request.crowd`` figures in one sheet; see `generate_crowd` and `crowd_sheet`."""
    made = generate_crowd(request, request.crowd, palette, seed)
    source = made[0].provenance
    source = dataclasses.replace(source, request={**source.request, "crowd": request.crowd})
    return Made(crowd_sheet([cast(SpriteSheet, one.asset) for one in made], palette), source)


def choose_classes(request: CharacterRequest, classes: Sequence[str]) -> list[int]:
    """Labels that a prompt names, all of its kind if it names none."""
    said = {form for word in words(request.prompt) for form in (word, word.removesuffix("s"))}
    of_kind = [i for i, name in enumerate(classes) if name.split("/")[0] == request.kind]
    named = [i for i in of_kind if said & {classes[i].split("/")[1], *_WORDS.get(classes[i], ())}]
    return named or of_kind or list(range(len(classes)))


def not_drawn(request: CharacterRequest, classes: Sequence[str]) -> tuple[str, ...]:
    """Notes on the words of a prompt that choose nothing in a crowd, in their order, each once."""
    names = {part for name in classes for part in name.split("/")}
    names.update(*_WORDS.values())
    silent = [
        word
        for word in dict.fromkeys(words(request.prompt))
        if not {word, word.removesuffix("s")} & names
        and kind_of(word) != request.kind
        and word not in IGNORED
    ]
    return tuple(f"not drawn for a crowd: {word}" for word in silent)


def draw(checkpoint: Any, labels: Sequence[int], count: int, seed: int) -> NDArray[np.uint8]:
    """Slot maps [count, 32, 32] of figures of the given classes in turn."""
    import torch

    from aigc_assets.models.slot_gan import bent

    network = checkpoint.network
    figures = math.ceil(count / BATCH) * BATCH
    of_label = network.outline_labels.numpy()
    every = np.arange(len(of_label))
    label = np.asarray(labels, dtype=np.int64)[
        generator(derive_seed(seed, "order")).permutation(len(labels))
    ]
    label = label[np.arange(figures) % len(labels)]
    chance = generator(derive_seed(seed, "outline")).random((figures, 2))
    forms = [every[of_label == one] for one in range(network.config.classes)]
    forms = [found if len(found) else every for found in forms]
    form, tint = torch.tensor(
        [[forms[one][int(c * len(forms[one]))] for c in two]
         for one, two in zip(label, chance, strict=True)]
    ).T  # fmt: skip
    noise = generator(derive_seed(seed, "noise")).standard_normal(
        (figures, network.config.latent), dtype=np.float32
    )
    z = torch.from_numpy(noise).to(network.head.weight.dtype)
    bends = torch.Generator().manual_seed(derive_seed(seed, "bend"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the order of sums, and so the bytes, must not depend on threads
    try:
        with torch.inference_mode():
            parts = []
            for start in range(0, figures, BATCH):
                part = slice(start, start + BATCH)
                outline = bent(network.form(form[part]), bends)
                shares = network.tints_of(tint[part])
                logits = network(z[part], torch.from_numpy(label[part]), outline, shares)
                parts.append(logits.argmax(1))
    finally:
        torch.set_num_threads(threads)
    slots: NDArray[np.uint8] = torch.cat(parts)[:count].to(torch.uint8).numpy()
    return slots


def tidy(slots: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Slot maps [N, 32, 32] without specks and pinholes, standing in the middle of the ground."""
    padded = np.pad(slots, ((0, 0), (1, 1), (1, 1)))
    around = [padded[:, 1:-1, :-2], padded[:, 1:-1, 2:], padded[:, :-2, 1:-1], padded[:, 2:, 1:-1]]
    pinhole = (slots == 0) & (np.minimum.reduce(around) > 0)
    out = np.where(pinhole, around[0], slots)
    for figure in out:
        remove_specks(figure)
    low = SIDE - 1 - out.max(2)[:, ::-1].astype(bool).argmax(1)
    columns = out.max(1) > 0
    left, right = columns.argmax(1), SIDE - 1 - columns[:, ::-1].argmax(1)
    rows = np.arange(SIDE)[None] - (SIDE - 1 - low)[:, None]
    places = np.arange(SIDE)[None] - ((SIDE - 1 - right - left) // 2)[:, None]
    return _gathered(out, rows, places)


def sunk(slots: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The second frame of idle: all above the waist one pixel lower, [N, 32, 32].

    The row at the waist is covered, so no pixel is new, and what is below does not move.
    """
    top = (slots.max(2) > 0).argmax(1)
    waist = top + np.round((SIDE - top) * WAIST).astype(int)
    rows = np.arange(SIDE)[None].repeat(len(slots), 0)
    rows = np.where(rows <= waist[:, None], rows - 1, rows)
    out = _gathered(slots, rows, np.arange(SIDE)[None].repeat(len(slots), 0))
    for figure in out:
        remove_specks(figure)
    return out


def assemble(
    frames: NDArray[np.uint8], table: NDArray[np.intp], palette: NDArray[np.uint8]
) -> list[SpriteSheet]:
    """Sheets of frames [N, F, 32, 32] of slots; table: palette index of every slot."""
    rgba = np.zeros((len(table), 4), dtype=np.uint8)
    rgba[1:, :3], rgba[1:, 3] = palette[table[1:]], 255
    count = frames.shape[1]
    pictures = rgba[frames.transpose(0, 2, 1, 3).reshape(len(frames), SIDE, count * SIDE)]
    cells = tuple(Frame((i * SIDE, 0, SIDE, SIDE), DURATION_MS, PIVOT) for i in range(count))
    sheets = []
    for picture, figure in zip(pictures, frames, strict=True):
        used = np.unique(table[np.unique(figure[figure > 0])])
        colours = palette[used] if len(used) else palette[:1]
        sheets.append(SpriteSheet(picture, cells, (Tag("idle", 0, count),), colours))
    return sheets


def crowd_sheet(sheets: Sequence[SpriteSheet], palette: NDArray[np.uint8]) -> SpriteSheet:
    """One sheet of all figures, as near to a square as can be; tags ``idle_1``, ``idle_2``, ..."""
    width, height = sheets[0].image.shape[1], sheets[0].image.shape[0]
    across = max(1, round(math.sqrt(len(sheets) * height / width)))
    down = math.ceil(len(sheets) / across)
    image = np.zeros((down * height, across * width, 4), dtype=np.uint8)
    frames: list[Frame] = []
    tags = []
    for number, sheet in enumerate(sheets):
        y, x = height * (number // across), width * (number % across)
        image[y : y + height, x : x + width] = sheet.image
        tags.append(Tag(f"idle_{number + 1}", len(frames), len(frames) + len(sheet.frames)))
        frames += [
            Frame((x + f.rect[0], y + f.rect[1], *f.rect[2:]), f.duration_ms, f.pivot)
            for f in sheet.frames
        ]
    return SpriteSheet(image, tuple(frames), tuple(tags), palette)


def remove_specks(slots: NDArray[np.uint8]) -> None:
    """Erase connected specks of a slot map [H, W] that are too small, in place."""
    count, parts, stats, _ = cv2.connectedComponentsWithStats(
        (slots > 0).astype(np.uint8), connectivity=8
    )
    small = stats[:, cv2.CC_STAT_AREA] < MIN_SPECK
    if count > 1 and small.any():
        slots[small[parts]] = 0


def vocabulary() -> Mapping[str, Any]:
    """Classes and colours of the network."""
    found: Mapping[str, Any] = read_card(MODEL)["vocabulary"]
    return found


def _gathered(
    slots: NDArray[np.uint8], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> NDArray[np.uint8]:
    """Rows [N, 32] and columns [N, 32] of slot maps; what lies outside is transparent."""
    number = np.arange(len(slots))[:, None, None]
    taken = slots[number, rows.clip(0, SIDE - 1)[:, :, None], columns.clip(0, SIDE - 1)[:, None, :]]
    inside = ((rows >= 0) & (rows < SIDE))[:, :, None] & (
        (columns >= 0) & (columns < SIDE)
    )[:, None, :]  # fmt: skip
    return np.where(inside, taken, np.uint8(0))
