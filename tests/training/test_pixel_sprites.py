"""Curation of 32 px pictures: shadows, identities, splits, colours."""

from __future__ import annotations

import numpy as np
import pytest

from aigc_assets.errors import DataError
from aigc_assets.training.characters.size32 import pixel_sprites
from aigc_assets.training.characters.size32.pixel_sprites import (
    curate,
    hue_turns,
    stand_free,
    unpack,
)
from aigc_assets.training.characters.size32.sprite_names import describe
from aigc_assets.types.oklab import to_oklab


def figure(seed: int, colour: tuple[int, int, int] = (180, 60, 40)) -> np.ndarray:
    """A blob of three shades with a black outline and a flat shadow to the lower right."""
    random = np.random.default_rng(seed)
    picture = np.zeros((32, 32, 4), np.uint8)
    y, x = np.mgrid[:32, :32]
    picture[(y > 24) & (y < 29) & (x > 10) & (x < 30)] = (0, 0, 0, 255)  # shadow
    body = np.zeros((32, 32), bool)
    for _ in range(4):
        cy, cx, r = random.integers(9, 20), random.integers(9, 20), random.integers(4, 8)
        body |= (y - cy) ** 2 + (x - cx) ** 2 < r * r
    ring = body.copy()
    for axis in (0, 1):
        for step in (-1, 1):
            ring |= np.roll(body, step, axis)
    picture[ring] = (0, 0, 0, 255)
    shade = random.integers(0, 3, (8, 8)).repeat(4, 0).repeat(4, 1)
    picture[body, :3] = (np.array(colour) * (0.5 + 0.25 * shade[body][:, None])).astype(np.uint8)
    return picture


def test_the_shadow_goes_and_the_outline_stays() -> None:
    picture = figure(1)
    lit = picture[..., :3].max(-1) > 3
    _, solid = stand_free(picture)
    near = lit.copy()
    for axis in (0, 1):
        for step in (-1, 1):
            near |= np.roll(lit, step, axis)
    assert (solid[lit]).all()
    assert not solid[~near].any()
    assert (solid == near).all()


def test_deep_black_inside_a_figure_is_drawn() -> None:
    picture = np.zeros((32, 32, 4), np.uint8)
    picture[6:26, 6:26] = (200, 40, 40, 255)
    picture[12:18, 12:18] = (0, 0, 0, 255)  # a mouth
    _, solid = stand_free(picture)
    assert solid[6:26, 6:26].all()


def test_variants_share_an_identity_and_never_cross_the_split() -> None:
    names, pictures = [], []
    for thing in range(40):
        for variant, colour in enumerate([(180, 60, 40), (40, 80, 190)]):
            names.append(f"mon/demons/fiend{chr(97 + thing % 26)}{chr(97 + thing // 26)}q"
                         f"{'' if variant else '_blue'}.png")  # fmt: skip
            pictures.append(figure(thing, colour))
    names.append("mon/demons/twin_of_the_first.png")
    pictures.append(np.roll(figure(0, (60, 160, 60))[:, ::-1], 1, 1))
    sprites = curate(np.array(pictures), names)
    assert set(np.unique(sprites.split)) == {0, 1, 2}
    for number in np.unique(sprites.identity):
        assert len(set(sprites.split[sprites.identity == number])) == 1
    identity = dict(zip(sprites.names, sprites.identity.tolist(), strict=True))
    assert identity["mon/demons/twin_of_the_first.png"] == identity[names[0]] == identity[names[1]]
    assert len(set(identity.values())) >= 30
    lowest = [int(np.flatnonzero((image > 0).any(1))[-1]) for image in sprites.images]
    assert set(lowest) == {31}


def test_quantised_pictures_use_the_nearest_global_colour() -> None:
    sprites = curate(np.array([figure(i) for i in range(6)]),
                     [f"mon/demons/f{c}x.png" for c in "abcdef"])  # fmt: skip
    rgba = sprites.rgba()
    assert set(np.unique(rgba[..., 3])) == {0, 255}
    truth, solid = stand_free(figure(0))
    rows, columns = np.nonzero(solid)
    down = 31 - rows.max()
    right = (31 - columns.max() - columns.min()) // 2
    drawn = rgba[sprites.names.index("mon/demons/fax.png")]
    error = to_oklab(drawn[rows + down, columns + right, :3]) - to_oklab(truth[rows, columns])
    black = truth[rows, columns].max(1) == 0
    assert np.abs(error[~black]).max() < 0.05
    assert black.any() and drawn[rows + down, columns + right, :3][black].max() <= 6


def test_hue_turns_are_permutations_that_keep_greys_and_shading() -> None:
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (48, 3)).astype(np.uint8)
    colours[1:9] = np.linspace(10, 250, 8)[:, None].astype(np.uint8)
    table = hue_turns(colours)
    assert (np.sort(table, 1) == np.arange(48)).all()
    assert (table[0] == np.arange(48)).all()
    assert (table[:, :9] == np.arange(9)).all()
    light = to_oklab(colours)[:, 0]
    for row in table[1:]:
        assert (row != np.arange(48)).sum() > 20
        assert np.corrcoef(light[9:], light[row[9:]])[0, 1] > 0.8


@pytest.mark.parametrize("size", [2, 5, 6])
def test_the_assignment_is_the_best_of_all(size: int) -> None:
    import itertools

    cost = np.random.default_rng(size).random((size, size))
    target = pixel_sprites._assign(cost)
    best = min(sum(cost[i, p[i]] for i in range(size))
               for p in itertools.permutations(range(size)))  # fmt: skip
    assert sum(cost[i, target[i]] for i in range(size)) == pytest.approx(best)


@pytest.mark.parametrize(
    ("name", "kind", "subclass", "words"),
    [
        ("mon/undead/ghoul.png", "monster", "undead", ("ghoul",)),
        ("mon/animals/polar_bear.png", "animal", "mammal", ("polar", "bear")),
        ("item/weapon/hand_axe2.png", "item", "weapon", ("hand", "axe")),
        ("effect/cloud_fire1.png", "effect", "cloud", ("cloud", "fire")),
        ("mon/frost_giant.png", "monster", "giant", ("frost", "giant")),
        ("UNUSED/weapons/katana1.png", "item", "weapon", ("katana",)),
    ],
)
def test_labels_are_read_off_the_path(name, kind, subclass, words) -> None:
    label = describe(name)
    assert label is not None
    assert (label.kind, label.subclass, label.words) == (kind, subclass, words)


@pytest.mark.parametrize(
    "name", ["mon/tentacles/kraken_ends/a.png", "item/ring/i-fire.png", "dngn/wall/brick.png",
             "effect/arrow3.png", "mon/statues/overlay_axe.png"],
)  # fmt: skip
def test_parts_icons_and_tiles_are_no_pictures(name: str) -> None:
    assert describe(name) is None


def test_unpack_names_what_does_not_fit() -> None:
    with pytest.raises(DataError, match="not packed 32 px pictures"):
        unpack({}, {"labels": []})
    with pytest.raises(DataError, match="no usable picture"):
        curate(np.zeros((1, 32, 32, 4), np.uint8), ["mon/orc.png"])
