"""The table of `evaluate character`: who draws like the source passes, who does not fails."""

from __future__ import annotations

import numpy as np
import pytest

from aigc_assets.errors import UsageError
from aigc_assets.training.characters.judges import sprite_report
from aigc_assets.training.characters.judges.pose_judge import Clip, PoseJudge
from aigc_assets.training.characters.judges.rows import Row, Table, Wanted, strip
from aigc_assets.training.characters.size32.pixel_sprites import COLOURS, KINDS, TURNS
from aigc_assets.types import SpriteSheet
from aigc_assets.types.sprite import DIRECTIONS

SIDE = 32


def colours() -> np.ndarray:
    random = np.random.Generator(np.random.Philox(8))
    table = random.integers(0, 256, (COLOURS + 1, 3)).astype(np.uint8)
    table[1:9] = [(200, 30, 30), (50, 130, 50), (50, 80, 160), (240, 220, 60), (110, 50, 150),
                  (110, 70, 40), (128, 128, 130), (250, 248, 240)]  # fmt: skip
    return table


def thing(kind: int, colour: int, seed: int) -> np.ndarray:
    """An index map of a round, tall, wide or hollow thing with a mark of another colour."""
    random = np.random.Generator(np.random.Philox(seed))
    y, x = np.mgrid[:SIDE, :SIDE] - 16
    tall, wide = [(11, 11), (13, 5), (5, 13), (11, 11)][kind] + random.integers(-1, 2, 2)
    far = (y / tall) ** 2 + (x / wide) ** 2
    picture = np.where((far < 1) & (far > (0.4 if kind == 3 else -1)), colour, 0)
    top, left = random.integers(11, 18, 2)
    picture[top : top + 4, left : left + 4] = 9 + random.integers(0, 30)
    return picture.astype(np.uint8)


def packed() -> tuple[dict[str, np.ndarray], dict]:
    count = 72
    kind = np.arange(count) % 4
    images = np.stack([thing(int(k), 1 + i % 8, i) for i, k in enumerate(kind)])
    arrays = {
        "images": images, "colours": colours(), "kind": kind.astype(np.uint8),
        "turned": np.tile(np.arange(COLOURS + 1, dtype=np.uint8), (len(TURNS), 1)),
        "identity": np.arange(count), "split": np.where(np.arange(count) < 48, 0, 2),
    }  # fmt: skip
    labels = [{"name": f"a/{i}.png", "subclass": KINDS[k], "words": ["it"]}
              for i, k in enumerate(kind)]  # fmt: skip
    return arrays, {"labels": labels}


class Painter:
    """Draws what is asked for, or always the same picture of the source."""

    def colour_of(self, word: str, seed: int) -> int:
        words = dict(zip(sprite_report._WORDS, range(1, 9), strict=True))
        return words.get(word, 1 + seed % 8)

    def __init__(self, *, copies: bool):
        self.copies = copies

    def __call__(self, wanted: Wanted, palette: np.ndarray, seed: int) -> SpriteSheet:
        if wanted.kind == "effect" and not self.copies:
            raise UsageError("no effects are drawn")
        colour = self.colour_of(wanted.prompt.split()[0], seed)
        picture = thing(KINDS.index(wanted.kind), colour, 500 + seed)
        if self.copies:
            picture = thing(0, 1, 0)
        rgba = np.zeros((1, SIDE, SIDE, 4), np.uint8)
        drawn = picture > 0
        rgba[0, drawn, :3], rgba[0, drawn, 3] = palette[picture[drawn] - 1], 255
        return strip({"idle": rgba}, (16, 31))


@pytest.fixture(scope="module")
def tables() -> dict[str, dict[str, Row]]:
    sprite_report._STEPS, before = 8, sprite_report._STEPS
    try:
        return {
            name: {row.measure: row for row in sprite_report.sprite_rows(*packed(), draw)}
            for name, draw in (("own", Painter(copies=False)), ("copies", Painter(copies=True)))
        }
    finally:
        sprite_report._STEPS = before


def test_own_drawings_pass(tables) -> None:
    own = tables["own"]
    for measure in ("palette_leaks", "alpha_errors", "foreign_colours", "colour_words_found"):
        assert own[measure].met is True, own[measure]
    assert own["colour_words_found"].columns["shuffled"] < 0.3
    features = own["frechet_distance_features"]
    assert features.met is True
    assert features.columns["model"] < features.columns["ceiling"]


def test_one_copied_picture_fails(tables) -> None:
    copies = tables["copies"]
    assert copies["near_copies"].columns["model"] == 1
    for measure in ("near_copies", "coverage_features", "coverage_network", "colour_words_found",
                    "class_accuracy_of_real_features", "frechet_distance_features"):  # fmt: skip
        assert copies[measure].met is False, copies[measure]
    assert copies["nearest_training_picture"].columns["model"] == 0


def walker(action: str, direction: str, seed: int) -> Clip:
    """A block with a nose that points where it looks; it strides, or bobs on the spot."""
    random = np.random.Generator(np.random.Philox(seed))
    frames = np.zeros((4, 16, 16, 4), np.uint8)
    dy, dx = {"down": (1, 0), "up": (-1, 0), "left": (0, -1), "right": (0, 1)}[direction]
    tone = int(random.integers(80, 200))
    for i, frame in enumerate(frames):
        bob = i % 2 if action == "idle" else 0
        frame[5 + bob : 11 + bob, 5:11] = (tone, tone, tone, 255)
        frame[7 + bob + 3 * dy : 9 + bob + 3 * dy, 7 + 3 * dx : 9 + 3 * dx] = (250, 250, 250, 255)
        if action == "walk" and i:  # the first frame says nothing about the action
            frame[11:15, 3 + 3 * i : 5 + 3 * i] = (40, 40, 40, 255)
    return Clip(frames, action, direction)


def test_animations_are_recognised_and_measured() -> None:
    kinds = [(a, d) for a in ("idle", "walk") for d in DIRECTIONS]
    lessons = [walker(a, d, seed) for a, d in kinds for seed in range(6)]
    judge = PoseJudge(lessons, ("idle", "walk"), steps=160)
    real = [walker(a, d, 50) for a, d in kinds]
    turned = [Clip(c.frames, c.action, DIRECTIONS[(DIRECTIONS.index(c.direction) + 1) % 4])
              for c in real]  # fmt: skip
    table = Table("16 px person")
    table.poses(judge, real, real)
    table.poses(judge, turned, real)
    rows = [row for row in table.rows if row.measure == "direction_recognised"]
    assert [row.met for row in rows] == [True, False]
    assert rows[0].columns["still"] >= 0.5  # a nose points even where nothing moves
    assert table.rows[0].columns["still"] <= 0.5 < table.rows[0].columns["model"]

    sheet = strip({f"{c.action}_{c.direction}": c.frames for c in real}, (8, 11))
    table.motion([sheet], [sheet], ["walk_down", "fly_down"], ["idle_down"])
    found = {row.measure: row for row in table.rows}
    assert found["motion"].columns["model"] == found["motion"].columns["floor"] > 0
    assert found["feet_off_pivot_px"].columns["model"] == 0.5  # every second frame is a px lower
    assert found["feet_off_pivot_px"].met is False
