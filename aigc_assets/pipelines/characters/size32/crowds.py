"""The fast path: many 32 px figures at once, drawn by the slot GAN, two frames of idle each.

Plans and pictures are made for the whole crowd in batches. Of a few candidates for a figure the one
is kept that reads best and is no copy of a training picture; its colours go onto the palette of the
pack ramp by ramp. Figure number i depends on the seed and on i, not on how many there are.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import GenerationError, UsageError
from aigc_assets.models.cards import read_card
from aigc_assets.pipelines.characters.colours.crowd_colours import Paintbox
from aigc_assets.pipelines.characters.colours.index_colours import onto_palette, wear
from aigc_assets.pipelines.characters.neighbours import known_pictures, nearest_of_many
from aigc_assets.pipelines.characters.request import (
    CROWD_SIZE,
    LARGEST_CROWD,
    CharacterRequest,
)
from aigc_assets.pipelines.characters.words.crowd_words import Group, not_drawn, read_groups
from aigc_assets.pipelines.characters.words.prompt import MAX_PROMPT
from aigc_assets.pipelines.made import (
    Made,
    derive_seed,
    generator,
    load_model,
    one_thread,
    provenance,
)
from aigc_assets.types import Frame, SpriteSheet, Tag
from aigc_assets.types.oklab import FAMILIES, families

MODEL = "crowd_gan"
KNOWN = "sprite_maskgit"
"""The model beside whose weights the list of training pictures lies; crowds learn from the same."""
SIDE = CROWD_SIZE
PIVOT = (16, 31)
DURATION_MS = 500
BATCH = 32
"""Figures that go through the network at once; the last batch is filled up, so that no figure
depends on how many there are."""
CANDIDATES = 3
"""Drawings of a figure to choose from."""
ROUNDS = 4
"""How often that many are made of a figure whose drawings are all near copies: a class of few
pictures that differ by little, such as butterflies, is easily learnt by heart."""
SPREAD = 0.95
"""Scale of the noise of plans: figures are a little nearer to what is usual than those learnt."""
MIN_SPECK = 4
"""Connected specks of fewer pixels than this are not part of a figure."""
WAIST = 0.62
"""What of a figure sinks in the second frame: this share of its height, from the top."""
_KEPT_COLOUR = 0.35
"""Share of a figure, outlines and skin aside, from which a wanted colour counts as shown."""


class Figures(NamedTuple):
    """Drawn figures: slot maps [N, 32, 32], label and wanted family of colours or '' of each."""

    slots: NDArray[np.uint8]
    labels: NDArray[np.intp]
    wanted: list[str]


def generate_crowd(
    request: CharacterRequest, count: int, palette: NDArray[np.uint8], seed: int
) -> list[Made]:
    """Draw many figures of one prompt in the colours of a pack.

    Args:
        request: What to draw; words choose classes and colours, the rest is left to chance.
        count: How many figures, 1..`LARGEST_CROWD`.
        palette: Of the pack, [N, 3] uint8 sRGB, N >= 2.
        seed: Decides everything else.

    Returns:
        Sheets of two 32 px frames, tag ``idle``.

    Raises:
        UsageError: If the count, the prompt or the palette is out of range.
        WeightsError: If the weights of the model are missing or altered.
        GenerationError: If all drawings of a figure are near copies of training pictures.
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
    classes = checkpoint.card["vocabulary"]["classes"]
    paintbox = Paintbox(np.array(checkpoint.card["vocabulary"]["colours"], dtype=np.uint8))
    groups = read_groups(request.prompt, request.kind, classes)
    people = np.array([name.startswith("person") for name in classes])
    figures, nearest = draw(checkpoint, groups, paintbox, people, count, seed)
    tables = [
        paint_table(paintbox, index, palette, wanted, person=person)
        for index, wanted, person in zip(
            figures.slots, figures.wanted, people[figures.labels], strict=True
        )
    ]
    sheets = assemble(np.stack([figures.slots, sunk(figures.slots)], 1), tables, palette)
    drawn_as = ", ".join(dict.fromkeys(classes[i] for group in groups for i in group.labels))
    notes = not_drawn(request.prompt, request.kind, classes)
    return [
        Made(
            sheet,
            provenance(
                checkpoint,
                seed,
                {"prompt": request.prompt, "kind": request.kind, "size": SIDE},
                (
                    f"the best of {CANDIDATES} drawings; one of: {drawn_as}",
                    "specks removed",
                    *([f"coloured: {wanted}"] if wanted else []),
                    "fitted to the pack palette as ramps",
                    "second frame by rule",
                ),
                (*notes, near) if near else notes,
            ),
        )
        for sheet, wanted, near in zip(sheets, figures.wanted, nearest, strict=True)
    ]


def draw_crowd(request: CharacterRequest, palette: NDArray[np.uint8], seed: int) -> Made:
    """``request.crowd`` figures in one sheet; see `generate_crowd` and `crowd_sheet`."""
    made = generate_crowd(request, request.crowd, palette, seed)
    source = made[0].provenance
    operations = dict.fromkeys(o for one in made for o in one.provenance.operations)
    source = dataclasses.replace(
        source,
        request={**source.request, "crowd": request.crowd},
        operations=tuple(operations),
        notes=tuple(dict.fromkeys(n for one in made for n in one.provenance.notes)),
    )
    return Made(crowd_sheet([cast(SpriteSheet, one.asset) for one in made], palette), source)


def draw(
    checkpoint: Any,
    groups: Sequence[Group],
    paintbox: Paintbox,
    people: NDArray[np.bool_],
    count: int,
    seed: int,
) -> tuple[Figures, list[str]]:
    """Figures of the groups in turn, and a note on the training picture nearest to each, or ''.

    Args:
        checkpoint: Of the network.
        groups: Who is in the crowd.
        paintbox: Colours of the slots.
        people: Which labels are people, whose pictures are put together from layers: they are near
            each other by nature, and nothing to be a copy of is stored.
        count: How many.
        seed: Decides everything.
    """
    total = math.ceil(count / BATCH) * BATCH
    labels, wanted = assigned(groups, total, seed)

    def drawings(number: int) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
        """Slot maps [N, CANDIDATES, 32, 32] of a round, and their order from the best."""
        source = derive_seed(seed, f"round {number}") if number else seed
        made = tidy(_drawings(checkpoint, labels, wanted, paintbox, people, source))
        made = made.reshape(total, CANDIDATES, SIDE, SIDE)[:count]
        score = [
            [legibility(index, paintbox, want) for index in tries]
            for tries, want in zip(made, wanted, strict=False)
        ]
        return made, np.argsort(-np.round(score, 4), 1, kind="stable")

    rounds = {0: drawings(0)}
    drawn, order = rounds[0]
    chosen = drawn[np.arange(count), order[:, 0]]
    notes = [""] * count
    known = known_pictures(KNOWN)
    open_rows = (
        np.flatnonzero(~people[labels[:count]]) if known is not None else np.zeros(0, np.intp)
    )
    rank = np.zeros(count, np.intp)
    table = np.zeros((len(paintbox.colours), 4), np.uint8)
    table[1:, :3], table[1:, 3] = paintbox.colours[1:], 255
    while len(open_rows):
        assert known is not None
        distances, names = nearest_of_many(known, table[chosen[open_rows]])
        again = []
        for row, distance, name in zip(open_rows, distances, names, strict=True):
            if distance < known.limit:
                rank[row] += 1
                again.append(row)
                near = f"{name} (distance {distance:.2f}, a copy is below {known.limit:.2f})"
                if rank[row] == CANDIDATES * ROUNDS:
                    raise GenerationError(
                        f"{CANDIDATES * ROUNDS} drawings of figure {row + 1} were near copies of "
                        f"training pictures, the last of {near}",
                        where="crowd",
                        remedy="use another seed, or say more in the prompt",
                    )
            elif name:
                notes[row] = (
                    f"nearest training picture: {name}, distance {distance:.2f}, a copy is below "
                    f"{known.limit:.2f}"
                )
        open_rows = np.array(again, dtype=np.intp)
        for number in np.unique(rank[open_rows] // CANDIDATES):
            if number not in rounds:
                rounds[number] = drawings(number)
            rows = open_rows[rank[open_rows] // CANDIDATES == number]
            drawn, order = rounds[number]
            chosen[rows] = drawn[rows, order[rows, rank[rows] % CANDIDATES]]
    return Figures(chosen, labels[:count], wanted[:count]), notes


def assigned(groups: Sequence[Group], count: int, seed: int) -> tuple[NDArray[np.intp], list[str]]:
    """Label and wanted family of colours of every figure: groups, and what they may be, in turn."""
    chance = generator(derive_seed(seed, "order"))
    orders = []
    for group in groups:
        options = [(label, colour) for label in group.labels for colour in group.colours or ("",)]
        orders.append([options[i] for i in chance.permutation(len(options))])
    picked = [
        orders[i % len(groups)][i // len(groups) % len(orders[i % len(groups)])]
        for i in range(count)
    ]
    return np.array([label for label, _ in picked], dtype=np.intp), [want for _, want in picked]


def _drawings(
    checkpoint: Any,
    labels: NDArray[np.intp],
    wanted: Sequence[str],
    paintbox: Paintbox,
    people: NDArray[np.bool_],
    seed: int,
) -> NDArray[np.uint8]:
    """Slot maps of all candidates, those of a figure one after the other, [N, 32, 32]."""
    import torch

    network = checkpoint.network
    config, figures = network.config, len(labels)

    def noise(name: str, width: int) -> Any:
        source = generator(derive_seed(seed, name))
        draws = source.standard_normal((figures, CANDIDATES, width), dtype=np.float32)
        return torch.from_numpy(draws.reshape(-1, width))

    dtype = network.head.weight.dtype
    z, plans = noise("noise", config.latent), SPREAD * noise("plan", config.plan)
    label = torch.from_numpy(np.repeat(labels, CANDIDATES))
    want = [name for name in wanted for _ in range(CANDIDATES)]
    with one_thread(), torch.inference_mode():
        parts = []
        for start in range(0, len(label), BATCH):
            part = slice(start, start + BATCH)
            code, depth, tint = network.plan(label[part], plans[part].to(dtype))
            dyed = [
                paintbox.dyed(shares, name, person=bool(person))
                for shares, name, person in zip(
                    tint.double().numpy(), want[part], people[label[part].numpy()], strict=True
                )
            ]
            shares = torch.from_numpy(np.stack(dyed))
            logits = network(z[part].to(dtype), label[part], code, depth, shares)
            parts.append(logits.argmax(1))
    slots: NDArray[np.uint8] = torch.cat(parts).to(torch.uint8).numpy()
    return slots


def legibility(index: NDArray[np.uint8], paintbox: Paintbox, wanted: str) -> float:
    """How well a figure [32, 32] reads at arm's length, 0..1.

    It is solid, not all dark, has shades, its colours lie in patches; the wanted one is there.
    """
    drawn = index > 0
    area = int(drawn.sum())
    if area < 60:
        return area / 1000
    light = paintbox.lab[index[drawn], 0]
    lit = 1.0 if wanted == "black" else min(1.0, float((light >= 0.3).mean()) / 0.55)
    tones = min(1.0, float(light.std()) / 0.18)
    padded = np.pad(drawn, 1)
    edge = sum(int((drawn & ~padded[1 + dy : 33 + dy, 1 + dx : 33 + dx]).sum())
               for dy, dx in ((1, 0), (-1, 0), (0, 1), (0, -1)))  # fmt: skip
    solid = min(1.0, 9 * math.sqrt(area) / max(edge, 1))
    family = np.where(drawn & ~paintbox.line[index], paintbox.family[index], -1)
    beside = (family[:, 1:] >= 0) & (family[:, :-1] >= 0)
    calm = 1 - float((family[:, 1:] != family[:, :-1])[beside].mean()) if beside.any() else 0.0
    value = (lit + tones + solid + 2 * calm) / 5
    if wanted:
        value *= 0.5 + 0.5 * min(1.0, _share(index, paintbox.family, wanted) / 0.5)
    return value


def _share(index: NDArray[np.uint8], family: NDArray[np.intp], wanted: str) -> float:
    """Share of the figure, outlines aside, that is of a family of colours."""
    named = family[index[index > 0]]
    body = named[named != FAMILIES.index("black")] if wanted != "black" else named
    return float((body == FAMILIES.index(wanted)).mean()) if len(body) else 0.0


def paint_table(
    paintbox: Paintbox,
    index: NDArray[np.uint8],
    palette: NDArray[np.uint8],
    wanted: str,
    *,
    person: bool,
) -> NDArray[np.intp]:
    """Palette index of every slot for one figure, recoloured where it lacks the wanted colour."""
    colours, used = paintbox.colours, np.unique(index[index > 0]).astype(np.intp)
    table = onto_palette(colours, used, palette)
    if not wanted:
        return table
    keep = paintbox.skin & person
    clothes = np.where(keep[index], 0, index)
    for _ in range(3):  # families that are not of the wanted colour, the largest first
        if _share(clothes, families(palette)[table], wanted) >= _KEPT_COLOUR:
            break
        worn = wear(colours, clothes, wanted)
        worn[keep] = colours[keep]
        colours = worn
        table = onto_palette(colours, used, palette)
    return table


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
    frames: NDArray[np.uint8], tables: Sequence[NDArray[np.intp]], palette: NDArray[np.uint8]
) -> list[SpriteSheet]:
    """Sheets of frames [N, F, 32, 32] of slots; tables: palette index of every slot, N times."""
    count = frames.shape[1]
    cells = tuple(Frame((i * SIDE, 0, SIDE, SIDE), DURATION_MS, PIVOT) for i in range(count))
    sheets = []
    for figure, table in zip(frames, tables, strict=True):
        rgba = np.zeros((len(table), 4), dtype=np.uint8)
        rgba[1:, :3], rgba[1:, 3] = palette[table[1:]], 255
        picture = rgba[np.concatenate(list(figure), 1)]
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
