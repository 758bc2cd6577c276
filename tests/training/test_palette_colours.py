"""The palette task: bands of a picture, and a model that learns which colours go together."""

from __future__ import annotations

import numpy as np
import pytest

from aigc_assets.errors import DataError
from aigc_assets.training.characters.palette_colours import PARTS, PaletteTask, band_colours
from aigc_assets.training.trainer import Run
from aigc_assets.types.oklab import to_oklab


def test_bands_take_the_main_colour_and_no_outline() -> None:
    picture = np.zeros((24, 24, 4), np.uint8)
    picture[3:21, 6:18] = (10, 8, 12, 255)
    picture[4:9, 7:17] = (200, 150, 90, 255)
    picture[9:15, 7:17] = (50, 90, 180, 255)
    picture[10, 8:12] = (250, 240, 60, 255)
    picture[15:20, 7:17] = (90, 60, 30, 255)
    wanted = to_oklab(np.array([(200, 150, 90), (50, 90, 180), (90, 60, 30)], np.uint8))
    assert band_colours(picture) == pytest.approx(wanted)
    assert band_colours(np.zeros((24, 24, 4), np.uint8)) is None


def outfits(count: int) -> dict[str, np.ndarray]:
    """Heads of any colour, trunks that follow the head, legs always dark."""
    random = np.random.Generator(np.random.Philox(2))
    head = np.array([0.6, 0, 0]) + random.normal(size=(count, 3)) * 0.1
    trunk = head * [1, -1, -1] + random.normal(size=(count, 3)) * 0.01
    legs = np.array([0.3, 0, 0]) + random.normal(size=(count, 3)) * 0.02
    colours = np.stack([head, trunk, legs], 1).astype(np.float32)
    return {"colours": colours, "held": np.arange(count) % 4 == 0}


def test_learns_what_goes_together(tmp_path) -> None:
    task = PaletteTask(outfits(400), {}, Run("cpu", 1.0, 0, tmp_path, "fp32"))
    for step in range(220):
        task.step(step / 220)
    (row,) = task.evaluate().values()
    assert row["model"] > row["unconditional"] + 0.5
    assert row["model"] > row["baseline"]  # the trunk is no copy of the head: kernels miss it
    task.preview(tmp_path / "bars")
    assert (tmp_path / "bars.png").stat().st_size > 100


def test_sources_without_figures(tmp_path) -> None:
    with pytest.raises(DataError, match="cannot read"):
        PaletteTask.pack(tmp_path)
    with pytest.raises(DataError, match="too few"):
        few = {"colours": np.zeros((2, len(PARTS), 3), np.float32), "held": np.zeros(2, bool)}
        PaletteTask(few, {}, Run("cpu", 1.0, 0, tmp_path))
