"""What the tokeniser of 32 px pictures sees besides figures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from aigc_assets.training.characters.size32 import pixel_sprites, sprite_extras
from tests.training.test_pixel_sprites import figure

Packed = tuple[pixel_sprites.PixelSprites, dict[str, np.ndarray]]


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Packed:
    """Forty things; altars that are copies of what is held out, others of their own; layers."""
    monkeypatch.setattr(sprite_extras, "PEOPLE", 12)
    names = [f"mon/demons/{chr(97 + i % 26)}{chr(97 + i // 26)}fiend.png" for i in range(40)]
    pictures = np.array([figure(i) for i in range(40)])
    held = pixel_sprites.curate(pictures, names)
    unseen = [names.index(held.names[i]) for i in np.flatnonzero(held.split > 0)]
    assert unseen
    names += [f"dngn/altars/copy{i}.png" for i in range(len(unseen))]
    names += [f"dngn/altars/own{i}.png" for i in range(3)] + ["dngn/floor/stone.png"]
    more = [*(pictures[i] for i in unseen), *(figure(100 + i) for i in range(3)), figure(200)]
    layers = np.zeros((2, 32, 32, 4), np.uint8)
    layers[0, 4:28, 12:20] = (200, 160, 120, 255)
    layers[1, 12:22, 11:21] = (40, 60, 180, 255)
    names += ["player/base/human.png", "player/body/robe.png"]
    folder = tmp_path / "sprites" / "packed"
    folder.mkdir(parents=True)
    np.savez_compressed(folder / "dcss_32.npz", img=np.concatenate([pictures, more, layers]))
    (folder / "dcss_32.json").write_text(json.dumps(names))
    sprites = pixel_sprites.read_sprites(tmp_path)
    return sprites, sprite_extras.pack(tmp_path, sprites)


def test_nothing_that_is_held_out_is_among_the_others(packed) -> None:
    sprites, arrays = packed
    unseen = sprites.images[sprites.split > 0]
    alike = pixel_sprites.likeness(arrays["others"], unseen, sprites.colours)
    assert alike.max() < 0.6
    assert 3 <= len(arrays["others"]) <= 5  # three altars and two layers, no copy and no floor


def test_people_wear_what_lies_on_top_and_stand_on_the_ground(packed) -> None:
    sprites, arrays = packed
    people = arrays["people"]
    assert 1 <= len(people) <= 12
    assert people.dtype == np.uint8 and people.max() < len(sprites.colours)
    assert (people[:, 31] > 0).any(1).all()
    dressed = [p for p in people if len(np.unique(p[p > 0])) == 2]
    assert dressed
    assert (dressed[0][16:26, 11:21] == dressed[0][18, 15]).all()
