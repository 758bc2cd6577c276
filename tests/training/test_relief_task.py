"""Windows of the world, their split, and what of the model is fitted in closed form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from aigc_assets.errors import DataError
from aigc_assets.metrics.relief import KINDS, relief_kind
from aigc_assets.models.relief_gan import (
    DETAIL_HEIGHTS,
    OUTLINE,
    SCALE,
    ReliefConfig,
    ReliefGenerator,
    outline_of,
    smooth_up,
    squash,
    stretch,
)
from aigc_assets.training.maps import relief
from aigc_assets.training.maps.relief import ReliefTask, cut_windows, fit_copula, fit_detail
from aigc_assets.training.packing import pack, read
from aigc_assets.training.trainer import Run
from tests.training.small_sources import write_relief


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def packed(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("relief")
    write_relief(root / "sources")
    pack(root / "sources", root / "packed", ["terrain"])
    return root / "packed"


@pytest.fixture
def task(packed, tmp_path, monkeypatch) -> ReliefTask:
    monkeypatch.setattr(relief, "ReliefConfig", lambda kinds: ReliefConfig.tiny())
    monkeypatch.setattr(relief, "STRIDE", 9)
    monkeypatch.setattr(relief, "SAMPLES", 6)
    torch.manual_seed(0)
    arrays, info = read(packed, "terrain")
    made = ReliefTask(arrays, info, Run("cpu", 1, 0, tmp_path, "fp32"))
    made.batch = 4
    return made


def test_no_training_window_reaches_into_the_held_out_longitudes(packed, monkeypatch):
    """Held-out cells are marked by their height; the mark must not be in any other window."""
    monkeypatch.setattr(relief, "STRIDE", 11)
    arrays, _ = read(packed, "terrain")
    metres, west = arrays["metres"].astype(np.float32), float(arrays["west"][0])
    degrees = 180 / len(metres)
    longitude = west + np.arange(metres.shape[1]) * degrees
    low, high = relief.HELD_OUT
    marked = np.where((longitude >= low) & (longitude <= high), 5000.0, 10.0)
    windows, held = cut_windows(np.broadcast_to(marked, metres.shape).copy(), west)
    assert held.any() and not held.all()
    assert (windows[held] > 4000).all() and (windows[~held] < 1000).all()


def test_every_window_of_a_kind_measures_as_that_kind(task):
    for kind, windows in zip(KINDS, task.by_kind, strict=True):
        assert all(relief_kind(relief._inner(window)) == kind for window in windows)


def test_both_networks_step(task):
    before = [p.detach().clone() for p in task.generator.parameters()]
    losses = [task.step(0.5) for _ in range(3)]
    assert all(np.isfinite(list(loss.values())).all() for loss in losses)
    moved = [
        not torch.equal(a, b) for a, b in zip(before, task.generator.parameters(), strict=True)
    ]
    assert all(moved)


def test_metrics_have_model_floor_and_both_baselines(task):
    rows = task.evaluate()
    for row in rows.values():
        assert set(row) == {"model", "floor", "baseline", "plain_noise"}
    floor, noise = (rows["slope_distance_m"][key] for key in ("floor", "plain_noise"))
    assert floor < noise
    assert rows["right_kind_share"]["floor"] == 1


def test_samples_are_those_of_the_kind_and_the_same_again(task, tmp_path):
    first = task.sample(1, 3)
    assert first.shape == (3, 32, 32) and np.array_equal(first, task.sample(1, 3))
    assert not np.array_equal(first, task.sample(2, 3))
    task.preview(tmp_path / "shown")
    assert (tmp_path / "shown.png").stat().st_size > 1000


def test_squashing_goes_there_and_back():
    metres = torch.linspace(-9000, 8000, 500)
    torch.testing.assert_close(stretch(squash(metres)), metres, rtol=1e-3, atol=0.05)


def test_an_outline_holds_means_and_deviations():
    height = torch.arange(256.0).view(1, 1, 16, 16)
    found = outline_of(height)
    block = height[0, 0, :8, 8:]
    assert found.shape == (1, 2, 2, 2)
    assert float(found[0, 0, 0, 1]) == pytest.approx(float(block.mean()))
    assert float(found[0, 1, 0, 1]) == pytest.approx(float(block.std(unbiased=False)), rel=1e-4)


def test_smooth_upsampling_is_a_torus_and_keeps_the_mean():
    coarse = torch.rand(1, 1, 5, 4, generator=torch.Generator().manual_seed(1))
    fine = smooth_up(coarse)
    assert fine.shape == (1, 1, 40, 32)
    torch.testing.assert_close(fine.mean(), coarse.mean())
    rolled = smooth_up(coarse.roll((2, 1), (2, 3))).roll((-16, -8), (2, 3))
    torch.testing.assert_close(rolled, fine)


def test_drawn_outlines_have_the_marginals_and_correlations_of_the_data():
    random = np.random.Generator(np.random.Philox(4))
    shared = random.standard_normal((4000, 1, 1))
    own = random.standard_normal((4000, 2, OUTLINE**2))
    data = np.exp(0.5 * (0.9 * shared + 0.44 * own)) + np.array([0.0, 5.0])[:, None]
    mean, factor, rest, marginal = fit_copula(data, 8, 33)
    network = ReliefGenerator(ReliefConfig(kinds=1, factors=8, widths=(8, 8, 8, 8)))
    for name, value in (("mean", mean), ("factor", factor), ("rest", rest), ("marginal", marginal)):
        getattr(network, f"outline_{name}")[0] = torch.from_numpy(value)
    source = torch.Generator().manual_seed(2)
    normal = (torch.randn(4000, count, generator=source) for count in (8, 2 * OUTLINE**2))
    drawn = network.outlines(0, *normal).flatten(2).numpy()
    for channel in (0, 1):
        for chance in (0.1, 0.5, 0.9):
            ours, theirs = (np.quantile(x[:, channel], chance) for x in (drawn, data))
            assert ours == pytest.approx(theirs, rel=0.08)
    ours, theirs = (np.corrcoef(x[:, 0, :8].T)[0, 1:].mean() for x in (drawn, data))
    assert ours == pytest.approx(theirs, abs=0.08)


def test_outlines_are_drawn_until_their_rough_relief_fits():
    network = ReliefGenerator(ReliefConfig.tiny())
    seen = []

    def high(metres: np.ndarray) -> bool:
        seen.append(float(metres.mean()))
        assert metres.shape == (16, 16) and np.isfinite(metres).all()
        return seen[-1] > 10

    def draw(seed: int) -> torch.Tensor:
        return network.draw_outline(0, high, torch.Generator().manual_seed(seed))

    assert draw(1).shape == (1, 2, OUTLINE, OUTLINE)
    assert len(seen) >= 2 and min(seen[-2:]) > 10, "both rough reliefs of one outline fit"
    assert torch.equal(draw(1), draw(1)) and not torch.equal(draw(1), draw(2))


def test_statistics_of_outlines_stay_in_full_width():
    network = ReliefGenerator(ReliefConfig.tiny())
    network.outline_mean.fill_(0.1)
    narrow = network.to(torch.bfloat16)
    assert narrow.head.weight.dtype == torch.bfloat16
    assert narrow.outline_mean.dtype == torch.float32 and float(
        narrow.outline_mean[0, 0]
    ) == np.float32(0.1)


def test_detail_is_stronger_where_it_is_steeper():
    random = np.random.Generator(np.random.Philox(4))
    rows, columns = 200, 300
    x = np.linspace(0, 1, columns)[None]
    metres = 300 + 40_000 * x**3 / 10 + random.standard_normal((rows, columns)) * (2 + 60 * x**2)
    table = fit_detail(metres)
    assert table.shape == (len(DETAIL_HEIGHTS), 3) and (table > 0).all()
    middle = DETAIL_HEIGHTS.index(1500.0)
    assert table[middle, 1] > 0.1


def test_spectral_noise_has_the_heights_and_the_spectrum_of_the_windows():
    from aigc_assets.metrics.relief import height_distance, spectral_distance

    random = np.random.Generator(np.random.Philox(5))
    white = random.standard_normal((12, 48, 48))
    smooth = np.fft.ifft2(np.fft.fft2(white) * (np.hypot(
        np.fft.fftfreq(48)[:, None], np.fft.fftfreq(48)) < 0.1)).real * 900  # fmt: skip
    ours = relief.spectral_noise(smooth, 12, 0)
    plain = relief.plain_noise(smooth, 12, 0)
    assert height_distance(ours, smooth) < 10 and height_distance(plain, smooth) < 10
    assert spectral_distance(ours, smooth) < spectral_distance(plain, smooth) / 2


def test_a_missing_source_is_named(tmp_path):
    with pytest.raises(DataError, match="etopo20"):
        pack(tmp_path, tmp_path / "out", ["terrain"])


def test_windows_are_whole_blocks():
    assert relief.WINDOW == OUTLINE * SCALE
