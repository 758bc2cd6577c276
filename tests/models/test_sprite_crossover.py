"""Pictures joined from parts of known ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from aigc_assets.models import sprite_crossover
from aigc_assets.models.fsq_vae import FsqVae, FsqVaeConfig
from aigc_assets.models.sprite_crossover import _carve, _join, _moved, _placed, recombine
from aigc_assets.models.sprite_maskgit import SpriteMaskgit, SpriteMaskgitConfig
from aigc_assets.models.sprite_sampling import Wish


def creature(head: int, body: int, legs: int, wide: int, high: int) -> np.ndarray:
    """A head on a body on two legs; the middle columns are shared."""
    index = np.zeros((32, 32), np.uint8)
    top = 31 - high
    index[top : top + high // 3, 16 - wide // 2 : 16 + wide // 2] = head
    index[top + high // 3 : top + 2 * high // 3, 15 - wide // 2 : 17 + wide // 2] = body
    index[top + 2 * high // 3 : 32, 16 - wide // 2 : 16 - wide // 2 + 3] = legs
    index[top + 2 * high // 3 : 32, 13 + wide // 2 : 16 + wide // 2] = legs
    return index


def networks() -> tuple[FsqVae, SpriteMaskgit]:
    torch.manual_seed(0)
    tokeniser = FsqVae(FsqVaeConfig(classes=8, coarse=(4, 3), fine=(3, 2), widths=(32, 16),
                                    blocks=(1, 1, 1), embedding=8)).eval()  # fmt: skip
    tokeniser.colours.copy_(torch.tensor([[0, 0, 0], [4, 4, 6], [200, 30, 30], [120, 20, 20],
                                          [30, 160, 40], [20, 90, 30], [240, 240, 240],
                                          [40, 60, 200]]))  # fmt: skip
    prior = SpriteMaskgit(SpriteMaskgitConfig(
        codes=(12, 6), kinds=("monster", "animal", "item", "effect"), subclasses=("a", "b"),
        words=("w",), colours=tuple(map(str, range(12))), dim=16, num_layers=1, num_heads=2,
        hidden=16, seeds=8, classes=8, turns=2,
    )).eval()  # fmt: skip
    random = np.random.default_rng(0)
    for i in range(8):
        parts = random.integers(2, 8, 3)
        picture = creature(*parts, int(random.integers(10, 18)), int(random.integers(20, 30)))
        prior.seed_images[i] = torch.from_numpy(picture)
        prior.seed_labels[i] = torch.tensor([0, i % 2, 1, 1, 1, i])
    return tokeniser, prior


def test_parts_come_from_pictures_of_the_wanted_subclass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sprite_crossover, "ALONE", (9.0, 9.0))
    monkeypatch.setattr(sprite_crossover, "KIN", 1)
    tokeniser, prior = networks()
    wishes = [Wish(0, 0, (1, 1, 1)), Wish(0, 1, (1, 1, 1))]
    pictures, crosses = recombine(tokeniser, prior, wishes, torch.Generator().manual_seed(2),
                                  tries=6, mend=False)  # fmt: skip
    assert pictures.shape == (2, 6, 32, 32)
    for subclass, row in enumerate(crosses):
        assert [c.cost for c in row] == sorted(c.cost for c in row)
        joined = [c for c in row if len(c.parents) > 1]
        assert joined
        parents = [n for c in joined for n in c.parents]
        assert np.mean([n % 2 == subclass for n in parents]) > 0.9
        for cross in joined:
            assert len(set(cross.parents)) == len(cross.parents)


def test_the_seed_decides_and_nothing_else() -> None:
    tokeniser, prior = networks()

    def run(seed: int) -> bytes:
        source = torch.Generator().manual_seed(seed)
        return recombine(tokeniser, prior, [Wish(0, 0, (1, 1, 1))], source, tries=3)[0].tobytes()

    assert run(1) == run(1)
    assert run(1) != run(2)


@pytest.mark.parametrize("kind", range(4))
def test_pictures_that_were_redrawn_as_nothing_stay_nothing(kind: int) -> None:
    tokeniser, prior = networks()
    prior.seed_images.zero_()
    prior.seed_labels[:, 0] = kind
    source = torch.Generator().manual_seed(1)
    pictures, _ = recombine(tokeniser, prior, [Wish(kind, 0, (1, 1, 1))], source, tries=2)
    assert not pictures.any()


def test_mending_changes_pixels_of_the_seam_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sprite_crossover, "_reshape", lambda index, seam, *rest: (index, seam))
    monkeypatch.setattr(sprite_crossover, "FRESH", 0.0)
    monkeypatch.setattr(sprite_crossover, "ALONE", (9.0, 9.0))
    monkeypatch.setattr(sprite_crossover, "typical", lambda _, pixels: np.zeros(len(pixels)))
    tokeniser, prior = networks()
    source = torch.Generator().manual_seed(4)
    state = source.get_state()
    wish = [Wish(0, 0, (1, 1, 1))]
    _, (plain,) = recombine(tokeniser, prior, wish, source, tries=4, mend=False)
    source.set_state(state)
    _, (mended,) = recombine(tokeniser, prior, wish, source, tries=4, mend=True)
    assert [c.parents for c in plain] == [c.parents for c in mended]
    assert any((a.index != b.index).any() for a, b in zip(plain, mended, strict=True))
    for a, b in zip(plain, mended, strict=True):
        assert ((a.index > 0) == (b.index > 0)).all()
        rows = (a.index != b.index).any(1).sum()
        assert rows <= 10


def test_a_join_has_the_head_of_one_and_the_feet_of_the_other() -> None:
    base, partner = creature(2, 3, 3, 14, 24), creature(6, 7, 7, 14, 26)
    y = np.mgrid[:32, :32][0].astype(np.int64)
    made = _join(base, partner, y, np.random.default_rng(0), fixed=False)
    assert made is not None
    index, seam, misfit = made
    assert set(np.unique(index[:12])) <= {0, 6, 7}
    assert (index[24:] == base[24:]).all()
    assert misfit < 0.8
    assert seam.any(1).sum() <= 4


def test_pictures_that_do_not_meet_are_not_joined() -> None:
    empty = np.zeros((32, 32), np.uint8)
    y = np.mgrid[:32, :32][0].astype(np.int64)
    assert _join(creature(2, 3, 3, 14, 24), empty, y, np.random.default_rng(0), fixed=False) is None


def test_carving_takes_or_adds_one_row_and_keeps_the_feet() -> None:
    index = creature(2, 3, 4, 14, 24)
    lightness = np.linspace(0, 1, 8)
    layers = np.stack([index, (index == 2).astype(np.uint8)])
    (less, head), (more, _) = _carve(layers, lightness, -1), _carve(layers, lightness, 1)
    assert ((less == 2) == head).all()
    height = index.any(1).sum()
    assert less.any(1).sum() == height - 1
    assert more.any(1).sum() == height + 1
    assert (less[-3:] == index[-3:]).all()
    assert (more[-3:] == index[-3:]).all()


def test_moving_cuts_at_the_edge() -> None:
    index = creature(2, 3, 4, 14, 24)
    assert (_moved(_moved(index, -3, 2), 3, -2)[3:, :-2] == index[3:, :-2]).all()
    assert not _moved(index, 40, 0).any()


@pytest.mark.parametrize(("kind", "turns"), [(0, True), (2, False)])
def test_creatures_turn_round_and_items_do_not(
    kind: int, turns: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sprite_crossover, "ALONE", (-9.0, -9.0))  # nothing is joined
    tokeniser, prior = networks()
    leaning = np.zeros((32, 32), np.uint8)
    for step in range(20):  # a blade from the lower left to the upper right
        leaning[29 - step : 32 - step, 5 + step : 9 + step] = 2
    prior.seed_images[:] = torch.from_numpy(leaning)
    prior.seed_labels[:, 0] = kind
    pictures, _ = recombine(tokeniser, prior, [Wish(kind, 0, (1, 1, 1))],
                            torch.Generator().manual_seed(1), tries=8, mend=False)  # fmt: skip
    slopes = [np.corrcoef(*np.nonzero(picture))[0, 1] for picture in pictures[0]]
    assert min(slopes) < -0.5
    assert (max(slopes) > 0.5) == turns


@pytest.mark.parametrize("grounded", [True, False])
def test_a_figure_stands_on_the_lowest_row_or_floats_in_the_middle(grounded: bool) -> None:
    index = np.zeros((32, 32), np.uint8)
    index[3:9, 20:30] = 4
    placed, seam = _placed(index, index > 0, grounded=grounded)
    rows, columns = np.nonzero(placed)
    assert (rows.min(), rows.max()) == ((26, 31) if grounded else (13, 18))
    assert (columns.min(), columns.max()) == (11, 20)
    assert np.array_equal(seam, placed > 0)
