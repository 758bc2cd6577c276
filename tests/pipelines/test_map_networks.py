from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from aigc_assets.errors import UsageError
from aigc_assets.models import checkpoint
from aigc_assets.models.map_maskgit import MapMaskgit, MapMaskgitConfig
from aigc_assets.models.map_mending import whole
from aigc_assets.models.map_refiner import MapGan, MapGanConfig
from aigc_assets.models.sagan import MapGenerator, SaganConfig
from aigc_assets.pipelines.made import load_model
from aigc_assets.pipelines.maps.indoor.sampling import layout_of
from aigc_assets.pipelines.maps.networks import Drawn, draw, draw_several, masked, torus


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Untrained networks of the shipped shapes that answer in milliseconds."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    draft = SaganConfig(noise=6, style=2, widths=(16, 16, 16), num_heads=2, reach=1)
    gan = MapGan(MapGanConfig(draft, width=16, blocks=1))
    for refiner in (gan.coarse, gan.fine):
        torch.nn.init.normal_(refiner.gain.weight)  # zeros would not hear of the theme
        torch.nn.init.normal_(refiner.head.weight)
    tokens = MapMaskgit(MapMaskgitConfig(dim=16, num_layers=1, num_heads=2, hidden=16))
    with torch.no_grad():
        tokens.head.weight.mul_(20)
    for name, network in (("map_sagan", gan), ("map_maskgit", tokens)):
        card = {"config": dataclasses.asdict(network.config), "kind": "map"}
        checkpoint.save(name, network, card, folder, half=False)
    return folder


@pytest.fixture
def networks(small, monkeypatch):
    monkeypatch.setenv("AIGC_ASSETS_WEIGHTS", str(small))
    load_model.cache_clear()
    yield
    load_model.cache_clear()


def random_pins(height: int, width: int, share: float, seed: int = 0) -> np.ndarray:
    random = np.random.Generator(np.random.Philox(seed))
    pins = random.integers(0, 5, (height, width)).astype(np.int8)
    return np.where(random.random((height, width)) < share, pins, -1).astype(np.int8)


def check(drawn: Drawn, width: int, height: int) -> None:
    assert drawn.classes.shape == (height, width) and drawn.classes.dtype == np.uint8
    assert drawn.classes.max() < 5
    assert drawn.chances.shape == (5, height, width) and drawn.chances.dtype == np.float32
    assert np.isfinite(drawn.chances).all() and drawn.chances.min() >= 0
    np.testing.assert_allclose(drawn.chances.sum(0), 1, atol=1e-3)


SIZES = [(8, 8), (9, 31), (32, 32), (33, 34), (57, 13), (48, 32), (90, 61), (8, 256)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("generator", ["gan", "transformer"])
def test_any_size_and_aspect(networks, generator, size):
    drawn = draw("cave", size, 3, generator, steps=2)
    check(drawn, *size)
    assert drawn.model == {"gan": "map_sagan", "transformer": "map_maskgit"}[generator]


@pytest.mark.parametrize("size", [(10, 10), (32, 32), (71, 40), (13, 70)])
@pytest.mark.parametrize("theme", ["dungeon", "sokoban", "platformer"])
def test_every_pin_is_kept_whatever_is_pinned(networks, theme, size):
    width, height = size
    pins = random_pins(height, width, 0.3)
    drawn = draw(theme, size, 5, pins=pins, steps=3)
    check(drawn, *size)
    assert drawn.model == "map_maskgit"
    assert np.array_equal(drawn.classes[pins >= 0], pins[pins >= 0])
    at = np.nonzero(pins >= 0)
    assert (drawn.chances[pins[at].astype(int), *at] == 1).all()
    ring = np.ones((height, width), dtype=bool)
    ring[1:-1, 1:-1] = False
    if theme != "platformer":  # closed, but where a designer wants it open
        assert not drawn.classes[ring & (pins < 0)].any()


def test_all_cells_pinned_is_what_was_pinned(networks):
    pins = random_pins(40, 37, 1.0)
    assert np.array_equal(draw("techbase", (37, 40), 1, pins=pins).classes, pins)


@pytest.mark.parametrize("generator", ["gan", "transformer"])
def test_the_same_seed_gives_the_same_map_on_any_number_of_threads(networks, generator):
    before = torch.get_num_threads()
    try:
        made = []
        for threads in (1, 2, 2):
            draw("dungeon", (8, 8), 0, generator, steps=1)  # loading sets one thread
            torch.set_num_threads(threads)
            made.append(draw("dungeon", (45, 38), 11, generator, steps=3))
        for other in made[1:]:
            assert np.array_equal(made[0].classes, other.classes)
            assert np.array_equal(made[0].chances, other.chances)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("size", [(8, 8), (9, 11), (8, 24), (24, 18), (48, 32)])
def test_maps_of_one_pass_are_drawn_as_if_they_were_alone(size):
    """No tile of a map sees the outline of another, which it would not see on its own torus."""
    torch.manual_seed(1)
    network = MapGenerator(SaganConfig(noise=6, style=2, widths=(16, 16, 16), num_heads=2, reach=1))
    torch.nn.init.normal_(network.outline.weight)
    config = network.config
    grid, places = torus._places(size, 3, config.min_grid, config.scale)
    assert len(places) >= 3
    noise, style = torch.randn(1, config.noise, *grid), torch.randn(1, config.style)

    def logits(chosen):
        inside = torch.zeros(1, 1, *(side * config.scale for side in grid))
        for rows, columns in chosen:
            inside[..., rows, columns] = 1
        with torch.inference_mode():
            return network(noise, style, torch.tensor([0]), inside)[0]

    together, empty = logits(places), logits([])
    for rows, columns in places:
        alone = logits([(rows, columns)])[:, rows, columns]
        torch.testing.assert_close(together[:, rows, columns], alone)
        assert (alone - empty[:, rows, columns]).abs().max() > 0.1  # its own outline is seen


def test_several_maps_of_a_pass_differ_and_the_transformer_draws_one(networks):
    for size in ((8, 8), (13, 9), (40, 30)):
        drawn = draw_several("cave", size, 5, 4)
        assert len(drawn) >= 4
        for one in drawn:
            check(one, *size)
        assert len({one.classes.tobytes() for one in drawn}) == len(drawn)
        last = draw_several("cave", size, 5, 4)[-1]  # whatever was looked at before
        assert np.array_equal(last.classes, drawn[-1].classes)
        assert [one.classes.tobytes() for one in drawn[1:3]] == [
            drawn[i].classes.tobytes() for i in (1, 2)
        ]
    assert len(draw_several("cave", (8, 8), 5, 4, "transformer", steps=1)) == 1


@pytest.mark.parametrize("generator", ["gan", "transformer"])
def test_other_seeds_and_themes_give_other_maps(networks, generator):
    maps = [
        draw(theme, (24, 24), seed, generator, steps=3).classes.tobytes()
        for theme in ("dungeon", "cave")
        for seed in range(3)
    ]
    assert len(set(maps)) == len(maps)


def test_auto_takes_the_network_that_can(networks):
    free = np.full((12, 12), -1, dtype=np.int8)
    pinned = free.copy()
    pinned[4, 4] = 1
    assert draw("cave", (12, 12), 0).model == "map_sagan"
    assert draw("cave", (12, 12), 0, pins=free).model == "map_sagan"
    assert draw("cave", (12, 12), 0, pins=pinned).model == "map_maskgit"
    assert draw("sokoban", (12, 12), 0).model == "map_maskgit"
    with pytest.raises(UsageError, match="pinned"):
        draw("cave", (12, 12), 0, "gan", pinned)
    with pytest.raises(UsageError, match="sokoban"):
        draw("sokoban", (12, 12), 0, "gan")


def test_a_few_free_cells_are_all_that_is_drawn(networks):
    known = draw("cave", (70, 50), 2, "gan").classes
    keep = np.ones(known.shape, dtype=bool)
    keep[10:15, 60:65] = keep[40:44, 5:9] = False
    pins = np.where(keep, known.astype(np.int8), -1).astype(np.int8)
    made = [draw("cave", (70, 50), seed, pins=pins).classes for seed in range(3)]
    for classes in made:
        assert np.array_equal(classes[keep], known[keep])
    assert not np.array_equal(made[0], made[1])


def test_areas_that_are_apart_are_drawn_again_until_they_hang_together(networks, monkeypatch):
    drawn = [draw("cave", (44, 36), seed, "transformer", steps=2) for seed in range(4)]
    monkeypatch.setattr(masked, "mend", lambda classes, chances, *rest: (classes, chances))
    plain = [draw("cave", (44, 36), seed, "transformer", steps=2) for seed in range(4)]
    shares = [[whole(one.classes, masked._WALKABLE) for one in both] for both in (plain, drawn)]
    assert all(low <= high for low, high in zip(*shares, strict=True))
    assert np.mean(shares[1]) > np.mean(shares[0])
    for one, other in zip(plain, drawn, strict=True):
        check(other, 44, 36)
        same = (one.classes == other.classes).mean()
        assert 0.5 < same


def test_every_free_cell_lies_in_a_window_with_context():
    random = np.random.Generator(np.random.Philox(1))
    for _ in range(60):
        height, width = (2 * int(n) for n in random.integers(16, 80, 2))
        free = random.random((height, width)) < random.choice([0.001, 0.3, 1.0])
        left = free.copy()
        for group in masked._groups(free, 32):
            assert 0 < len(group) <= masked._BATCH
            seen = np.zeros(free.shape, dtype=int)
            for part in group:
                assert all(cut.start % 2 == 0 and cut.stop - cut.start == 32 for cut in part)
                assert all(
                    cut.start >= 0 and cut.stop <= n
                    for cut, n in zip(part, free.shape, strict=True)
                )
                assert left[part].any()
                seen[part] += 1
            assert seen.max() == 1  # windows of a group do not see each other
            left &= seen == 0
        assert not left.any()


def test_layouts_follow_the_raw_map():
    random = np.random.Generator(np.random.Philox(6))
    chances = random.dirichlet([0.3] * 5, (20, 30)).transpose(2, 0, 1).astype(np.float32)
    raw = chances.argmax(0).astype(np.uint8)
    raw[[0, -1]] = raw[:, [0, -1]] = 0
    share = np.isin(raw[1:-1, 1:-1], (1, 2, 4)).mean()
    plain = layout_of(Drawn(raw, chances, "x"), 0.3)
    assert np.array_equal(plain.terrain, np.array([0, 1, 2, 3, 1])[raw])
    assert plain.cost.min() > 0
    more = layout_of(Drawn(raw, chances, "x"), 0.9)
    opened = (more.terrain != plain.terrain)[1:-1, 1:-1]
    assert np.isin(more.terrain[1:-1, 1:-1], (1, 2)).mean() == pytest.approx(0.9, abs=0.01)
    assert opened.mean() == pytest.approx(0.9 - share, abs=0.01)
    # Those are opened that the network held most likely to be open.
    closed = ~np.isin(plain.terrain, (1, 2))[1:-1, 1:-1] & ~opened
    assert more.cost[1:-1, 1:-1][opened].max() <= more.cost[1:-1, 1:-1][closed].min()


def test_windows_leave_no_seams():
    """With the shipped weights: neighbours differ across a window's edge as often as inside."""
    load_model.cache_clear()
    edges = [32, 56, 80]  # first columns of what the second, third and fourth window fill in
    at_edges, elsewhere = [], []
    for seed in range(2):
        classes = draw("techbase", (104, 56), seed, "transformer", steps=8).classes
        for grid in (classes[1:-1], classes.T[1:-1]):
            changes = (grid[:, 1:] != grid[:, :-1])[:, 2:-2].mean(0)  # before column 3, 4, ...
            here = np.array([edge - 3 for edge in edges if edge < grid.shape[1] - 4])
            at_edges += changes[here].tolist()
            elsewhere += np.delete(changes, here).tolist()
    assert len(at_edges) == 8
    error = np.std(elsewhere) / len(at_edges) ** 0.5
    assert abs(np.mean(at_edges) - np.mean(elsewhere)) < 3 * error
