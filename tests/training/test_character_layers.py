"""Layers, composition and the training task, on a small hand-made source folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from aigc_assets.errors import DataError
from aigc_assets.training.characters.size64 import lpc_layers
from aigc_assets.training.characters.size64.lpc_layers import (
    ACTIONS,
    CLASSES,
    pose_names,
    read_layers,
)
from aigc_assets.training.characters.size64.people import CharacterTask, Composer
from aigc_assets.training.packing import pack, read
from aigc_assets.training.trainer import Run

FEMININE, MASCULINE = "Clothing/Feminine, Thin", "Clothing/Masculine, Thin"
CLOTH = {"Gray": lpc_layers._REFERENCE["cloth"], "Red": tuple((i, 0, 0) for i in range(6))}
HAIR = {"Gray": lpc_layers._REFERENCE["hair"]}
SKIN = {"Brown": lpc_layers._REFERENCE["skin"], "alt:Blue": lpc_layers._REFERENCE["skin"]}
METAL = {"Steel": lpc_layers._REFERENCE["metal"]}
# item: (ramps, rows, columns)
ITEMS = {
    "Body/Body 01 - Feminine, Thin": (SKIN, (34, 62), (24, 40)),
    "Body/Body 02 - Masculine, Thin": (SKIN, (34, 62), (23, 41)),
    "Head/Head 01 - Feminine": (SKIN, (18, 36), (22, 42)),
    "Head/Head 02 - Masculine": (SKIN, (18, 36), (22, 42)),
    "Head/Head 03 - Elderly": (SKIN, (18, 36), (22, 42)),
    "Head/Head Overlay 01 - Large Nose": (SKIN, (30, 33), (30, 33)),
    "Hair/Eyebrows 01 - Thin Eyebrows": (HAIR, (26, 27), (26, 38)),
    "Hair/Facial Hair 01 - Medium Beard": (HAIR, (33, 37), (26, 38)),
    "Hair/Medium 01 - Page": (HAIR, (14, 30), (20, 44)),
    "Hair/Medium 01 - Page/_Behind": (HAIR, (30, 38), (20, 44)),
    "Hair/Short 02 - Parted": (HAIR, (16, 26), (22, 42)),
    "Head Accessories/Eyewear 01 - Glasses": (METAL, (27, 31), (24, 40)),
    "Head Accessories/Helm 01 - Bascinet, Open": (METAL, (15, 30), (22, 42)),
    "Head Accessories/Helm 04 - Chainmail Hood": (METAL, (16, 38), (21, 43)),
    "Head Accessories/Helm 06 - Morion": (METAL, (15, 30), (20, 44)),
    "Head Accessories/Helm Accessory 01 - Bascinet Plumage": (CLOTH, (6, 15), (30, 36)),
    "Head Accessories/Helm Accessory 02 - Morion Plumage": (CLOTH, (6, 15), (28, 34)),
    **{
        f"{body}/{name}": (CLOTH, rows, columns)
        for body in (FEMININE, MASCULINE)
        for name, rows, columns in (
            ("Torso/Shirt 01 - T-shirt", (34, 47), (22, 42)),
            ("Torso/Shirt 02 - V-neck Longsleeve Shirt", (34, 48), (21, 43)),
            ("Torso 2/Sweater 01 - Cardigan", (34, 48), (21, 43)),
            ("Torso 2/Accessory 01 - Suspenders", (34, 46), (26, 38)),
            ("Legs/Pants 01 - Hose", (45, 61), (24, 40)),
            ("Legs/Pants 02 - Leggings", (45, 58), (24, 40)),
            ("Legs/Pants 03 - Pants", (45, 58), (24, 40)),
            ("Legs/Pants 05 - Overalls", (36, 58), (24, 40)),
            ("Legs/Shorts 01 - Shorts", (45, 52), (24, 40)),
            ("Legs/Shorts 02 - Short Shorts", (45, 50), (24, 40)),
            ("Accessories/Neckwear 01 - Bowtie", (35, 39), (28, 36)),
            ("Feet/Shoes 01 - Shoes", (56, 62), (23, 41)),
            ("Feet/Shoes 02 - Boots", (52, 62), (23, 41)),
            ("Feet/Socks 01 - Ankle Socks", (54, 62), (24, 40)),
            ("Feet/Socks 02 - High Socks", (50, 62), (24, 40)),
        )
    },
}
NO_SLASH = ("Boots", "Socks", "Overalls", "Shorts", "Suspenders")


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sources") / "sprites" / "lpc_layers"
    folder.mkdir(parents=True)
    entries, arrays = [], {}
    for index, (item, (ramps, rows, columns)) in enumerate(ITEMS.items(), 1):
        table = {n: [[*tone, 255] for tone in ramp] for n, ramp in ramps.items()}
        actions = [a for a in ACTIONS if a != "slash" or not any(w in item for w in NO_SLASH)]
        for action in actions:
            maps = np.zeros((4, ACTIONS[action], 64, 64), dtype=np.uint8)
            for frame in range(ACTIONS[action]):
                lift = frame % 2 if rows[1] < 40 else 0  # heads bob
                picture = maps[:, frame, rows[0] - lift : rows[1] - lift, columns[0] : columns[1]]
                picture[:] = 4
                picture[:, 0] = picture[:, -1] = 1
            arrays[f"{index:04d}_{action}"] = maps
        entries.append({"index": index, "item": item, "ramps": table})
    (folder / "layers.json").write_text(json.dumps(entries))
    np.savez(folder / "layers.npz", **arrays)
    (folder / "CREDITS_all.txt").write_text("by the testers")
    return folder.parent.parent


@pytest.fixture(scope="module")
def packed(sources: Path, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("packed")
    pack(sources, out, ["character"])
    return out


@pytest.fixture(scope="module")
def composer(packed: Path) -> Composer:
    data, info = read(packed, "character")
    return Composer(data, info, "cpu")


def character(composer: Composer, **values: str) -> torch.Tensor:
    chosen = {name: composer.values[name][0] for name in composer.names}
    chosen |= {"torso": "t-shirt", "legs": "pants", **values}
    return torch.tensor([[composer.values[n].index(chosen[n]) for n in composer.names]])


def painted(composer: Composer, pose: tuple[str, str, int], **values: str) -> np.ndarray:
    number = torch.tensor([pose_names().index(pose)])
    return composer.paint(character(composer, **values), number)[0].numpy()


FRONT = ("idle", "down", 0)


def groups(picture: np.ndarray) -> set[str]:
    return {CLASSES[c].split(" ")[0] for c in np.unique(picture) if c}


def test_packs_the_same_bytes_twice(sources: Path, packed: Path, tmp_path: Path) -> None:
    pack(sources, tmp_path, ["character"])
    for name in ("character.npz", "character.json"):
        assert (tmp_path / name).read_bytes() == (packed / name).read_bytes()


def test_vocabulary_comes_from_the_labels(packed: Path) -> None:
    _, info = read(packed, "character")
    attributes = info["vocabulary"]["attributes"]
    assert attributes["body"] == ["feminine", "masculine"]
    assert attributes["hair"] == ["none", "medium page", "short parted"]
    assert {"cardigan", "suspenders", "cloak", "none"} == set(attributes["over"])
    assert {"skirt", "long skirt", "overalls"} <= set(attributes["legs"])
    assert info["vocabulary"]["colours"]["cloth"]["red"][5] == [5, 0, 0]
    assert list(info["vocabulary"]["colours"]["skin"]) == ["brown"]  # no fantasy ramps
    assert "by the testers" in info["credits"]
    assert info["sources"][0]["attribution"]


def test_clothes_cover_the_body_in_paint_order(composer: Composer) -> None:
    picture = painted(composer, FRONT, over="cardigan", feet="boots", hair="medium page")
    assert groups(picture) == {"skin", "hair", "over", "legs", "feet"}  # cardigan hides shirt
    assert CLASSES[picture[20, 24]].startswith("hair")
    assert CLASSES[picture[40, 24]].startswith("over")


def test_hair_is_tucked_under_a_helmet_but_not_under_a_crown(composer: Composer) -> None:
    bare = painted(composer, FRONT, hair="medium page")
    helmet = painted(composer, FRONT, hair="medium page", headwear="bascinet open")
    crown = painted(composer, FRONT, hair="medium page", headwear="crown")
    wide = (slice(16, 24), slice(12, 14))  # beside the helmet, in columns of the window
    assert (bare[wide] > 0).all()
    assert not (helmet[wide] > 0).any()
    assert (crown[wide] > 0).all()
    assert "metal" in groups(crown)


def test_the_window_follows_the_head(composer: Composer) -> None:
    values = {"hair": "medium page"}
    first, second = (painted(composer, ("walk", "left", i), **values) for i in (0, 1))
    assert np.array_equal(first[14:34], second[14:34])  # the head bobs in the source
    assert not np.array_equal(first[34:], second[34:])


def test_a_skirt_has_an_outline_and_hides_the_knees(composer: Composer) -> None:
    picture = painted(composer, FRONT, legs="long skirt", feet="shoes")
    legs = np.array([CLASSES[c].startswith("legs") for c in picture.ravel()]).reshape(64, 48)
    rows = np.flatnonzero(legs.any(1))
    assert rows[-1] - rows[0] > 10
    widths = legs.sum(1)[rows]
    assert widths[-1] > widths[0]  # it flares
    for y in rows:
        columns = np.flatnonzero(legs[y])
        assert len(columns) == columns[-1] - columns[0] + 1  # no holes
        assert CLASSES[picture[y, columns[0]]] == CLASSES[picture[y, columns[-1]]] == "legs 1"


def test_slash_replaces_items_that_lack_it(composer: Composer) -> None:
    wears = character(composer, feet="boots", legs="overalls", over="suspenders")
    poses = [pose_names().index(p) for p in (("walk", "up", 2), ("slash", "up", 2))]
    walking, striking = (composer.fit(wears, torch.tensor([p]))[0] for p in poses)
    assert torch.equal(walking, wears[0])
    named = {n: composer.values[n][int(v)] for n, v in zip(composer.names, striking, strict=True)}
    assert (named["feet"], named["legs"], named["over"]) == ("shoes", "pants", "none")


def test_a_twin_shares_only_what_no_label_says(composer: Composer) -> None:
    pool = composer.sample(64, torch.Generator().manual_seed(0))
    twin = composer.twin(pool, torch.Generator().manual_seed(1))
    assert torch.equal(twin[:, composer.labelled :], pool[:, composer.labelled :])
    assert not torch.equal(twin[:, : composer.labelled], pool[:, : composer.labelled])


def test_training_never_sees_held_out_pairs(packed: Path, tmp_path: Path, monkeypatch) -> None:
    data, info = read(packed, "character")
    task = CharacterTask(data, info, Run("cpu", 1, 0, tmp_path))
    seen = []
    paint = task.composer.paint
    monkeypatch.setattr(
        task.composer, "paint", lambda who, pose: (seen.append(who), paint(who, pose))[1]
    )
    monkeypatch.setattr("aigc_assets.training.characters.size64.people.BATCH", 8)
    losses = [task.step(0.1)["ce"] for _ in range(4)]
    assert all(np.isfinite(losses))
    drawn = torch.cat(seen[1::2])  # each step paints twins for the latent, then what it learns
    assert len(drawn) == 4 * 8
    assert not task.composer.held_out(drawn).any()
    assert len(task.test) > 0 and task.composer.held_out(task.test).all()


def test_metrics_and_shipped_network(packed: Path, tmp_path: Path) -> None:
    data, info = read(packed, "character")
    task = CharacterTask(data, info, Run("cpu", 1, 0, tmp_path))
    task.test = task.test[:2]
    metrics = task.evaluate()
    accuracy = metrics["slot_accuracy"]
    assert 0 <= accuracy["model"] < accuracy["baseline"] <= 1  # untrained: worse than the nearest
    assert accuracy["floor"] > 0.9
    (network, config) = task.shipped()["character_cvae"]
    assert config["classes"] == len(CLASSES)
    assert float(network.anchors.abs().sum()) > 0


def test_damaged_sources_are_reported(sources: Path, tmp_path: Path) -> None:
    folder = tmp_path / "lpc"
    folder.mkdir()
    with pytest.raises(DataError, match="cannot read the layers"):
        read_layers(folder)
    (folder / "layers.json").write_bytes((sources / "sprites/lpc_layers/layers.json").read_bytes())
    (folder / "layers.npz").write_bytes(b"PK not really")
    with pytest.raises(DataError, match="cannot read the layers"):
        read_layers(folder)
