"""Archives: everything comes back, equal assets give equal bytes, damage is found."""

from __future__ import annotations

import dataclasses
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aigc_assets.errors import AigcError, DataError, InvalidAssetError
from aigc_assets.types import (
    Choice,
    Clip,
    DialogueNode,
    DialogueTree,
    Frame,
    Keyframe,
    MapObject,
    ObjectLayer,
    Provenance,
    Sound,
    SpriteSheet,
    Tag,
    Terrain,
    TileAnimation,
    TileLayer,
    Tilemap,
    Tileset,
    Timeline,
    Track,
    WangColour,
    WangSet,
    dump,
    load,
)
from tests import samples

SAMPLES = ("tilemap", "terrain", "sheet", "dialogue", "sound", "timeline", "pack")

# ---------------------------------------------------------------- any valid asset

ids = st.from_regex(r"[a-z0-9][a-z0-9_\-]{0,8}", fullmatch=True)
names = st.text(min_size=1, max_size=8)
scalars = st.one_of(
    st.booleans(),
    st.integers(-(2**60), 2**60),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
)
properties = st.dictionaries(names, scalars, max_size=3)
lines = st.text(st.characters(min_codepoint=33, exclude_characters="\x7f"), min_size=1).filter(
    lambda text: text.strip() == text
)


def arrays(draw, shape, dtype):
    seed = draw(st.integers(0, 2**32 - 1))
    raw = np.random.default_rng(seed).integers(0, 256, shape)
    return raw.astype(dtype)


@st.composite
def sounds(draw):
    shape = draw(st.integers(1, 8)), draw(st.integers(1, 40))
    samples_in = arrays(draw, shape, np.float32) / np.float32(255)
    loop = draw(st.none() | st.just((0, shape[1])))
    return Sound(samples_in, draw(st.integers(1000, 384_000)), loop)


@st.composite
def terrains(draw):
    shape = draw(st.integers(2, 6)), draw(st.integers(2, 6))
    biome = arrays(draw, shape, np.uint8) % 2
    size = draw(st.floats(0.01, 1000))
    return Terrain(arrays(draw, shape, np.float32), size, biome, ("sea", draw(names)))


@st.composite
def sheets(draw):
    size = draw(st.integers(1, 6))
    palette = np.unique(arrays(draw, (draw(st.integers(1, 8)), 3), np.uint8), axis=0)
    picks = arrays(draw, (size, size * 2), np.int64)
    image = np.zeros((size, size * 2, 4), dtype=np.uint8)
    opaque = picks % 3 > 0
    image[opaque] = np.insert(palette[picks % len(palette)], 3, 255, axis=2)[opaque]
    frames = tuple(
        Frame((x, 0, size, size), draw(st.integers(1, 60_000)), (size // 2, size - 1))
        for x in (0, size)
    )
    order = draw(st.sampled_from(("forward", "reverse", "pingpong")))
    return SpriteSheet(image, frames, (Tag(draw(names), 0, 2, order),), palette)


@st.composite
def dialogues(draw):
    known = draw(st.lists(ids, min_size=2, max_size=6, unique=True))
    nodes = []
    for node_id, following in zip(known, [*known[1:], None], strict=True):
        choices = ()
        if following and draw(st.booleans()):
            choices = (Choice(f"{node_id}-x", draw(lines), following, sets="met"),)
        after = None if choices else following
        tags = draw(properties)
        nodes.append(DialogueNode(node_id, draw(ids), draw(lines), choices, after, tags))
    long_ids = [c.id for n in nodes for c in n.choices]
    if len({*known, *long_ids}) < len(known) + len(long_ids):
        nodes = [DialogueNode(known[0], "mira", "Hello.")]
    return DialogueTree(tuple(nodes), nodes[0].id, {"met": draw(st.booleans())})


@st.composite
def tilemaps(draw):
    tile = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    columns, rows = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    image = arrays(draw, (rows * tile[1], columns * tile[0], 4), np.uint8)
    count = columns * rows
    texts = tuple(draw(properties) for _ in range(count))
    frames = st.tuples(st.integers(0, count - 1), st.integers(1, 999))
    animations = tuple(
        TileAnimation(i, tuple(draw(st.lists(frames, min_size=1, max_size=3))))
        for i in draw(st.sets(st.integers(0, count - 1), max_size=2))
    )
    colours = (WangColour("water", (0, 0, 255), draw(st.integers(-1, count - 1))),)
    wang_ids = arrays(draw, (count, 8), np.uint8) % np.uint8(2)
    wang_sets = (WangSet("shores", "mixed", colours, wang_ids),) if draw(st.booleans()) else ()
    tiles = Tileset(draw(ids), image, tile, texts, animations, wang_sets)
    shape = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    gids = arrays(draw, shape, np.uint32) % np.uint32(count + 1)
    gids |= arrays(draw, shape, np.uint32) % np.uint32(8) << np.uint32(29)
    thing = MapObject(draw(st.integers(1, 99)), draw(st.text(max_size=5)), "x", (0, 0))
    layers = (TileLayer("tiles", gids),)
    return Tilemap((tiles,), layers, (ObjectLayer("things", (thing,)),), tile, draw(properties))


@st.composite
def timelines(draw):
    clips, at = [], 0
    for _ in range(draw(st.integers(0, 4))):
        at += draw(st.integers(0, 5))
        length = draw(st.integers(1, 9))
        keys = tuple(
            Keyframe(frame, draw(st.integers(-999, 999)), draw(st.integers(-999, 999)))
            for frame in sorted(draw(st.sets(st.integers(0, 20), max_size=3)))
        )
        clips.append(Clip(draw(names), at, length, draw(ids), keys, draw(properties)))
        at += length
    track = Track(draw(names), draw(st.sampled_from(("video", "sound", "marker"))), tuple(clips))
    rate = draw(st.sampled_from((Fraction(24), Fraction(30000, 1001), Fraction(25))))
    return Timeline((track,), rate, at + 1, (64, 32), draw(st.sampled_from((1, 2, 4))))


@st.composite
def provenances(draw):
    sha = draw(st.sampled_from(("", "0f" * 32)))
    notes = tuple(draw(st.lists(st.text(max_size=9), max_size=3)))
    seed = draw(st.integers(0, 2**63 - 1))
    return Provenance("map", draw(names), sha, seed, draw(properties), notes=notes)


anything = st.one_of(
    sounds(), terrains(), sheets(), dialogues(), tilemaps(), timelines(), provenances()
)


def same(a: object, b: object) -> bool:
    """Equal in value, type and array contents, all the way down."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if dataclasses.is_dataclass(a):
        return all(same(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))
    if isinstance(a, Mapping):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(anything)
def test_everything_comes_back(asset):
    data = dump(asset)
    again = load(data)
    assert same(again, asset)
    assert dump(again) == data


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_come_back(name):
    asset = getattr(samples, name)()
    assert same(load(dump(asset)), asset)
    assert dump(getattr(samples, name)()) == dump(asset)


def test_numpy_numbers_are_stored_as_plain_ones():
    plain = Frame((0, 0, 4, 4), 100, (2, 3))
    numpy = Frame((np.int64(0), 0, np.uint8(4), 4), np.int32(100), (np.int64(2), 3))
    assert dump(plain) == dump(numpy)


def test_bytes_do_not_depend_on_process_or_hash_seed():
    code = (
        "import hashlib; from tests import samples; from aigc_assets.types import dump;"
        "print(hashlib.sha256(dump(samples.pack())).hexdigest())"
    )
    seen = set()
    for hash_seed in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path), "TZ": "Asia/Tokyo"},
            capture_output=True,
            text=True,
            check=True,
        )
        seen.add(run.stdout)
    assert len(seen) == 1


def test_no_pickle_inside():
    with zipfile.ZipFile(io.BytesIO(dump(samples.pack()))) as archive:
        listed = archive.namelist()
        for name in listed[1:]:
            np.load(io.BytesIO(archive.read(name)), allow_pickle=False)
        dates = {info.date_time for info in archive.infolist()}
    assert listed[0] == "asset.json" and dates == {(1980, 1, 1, 0, 0, 0)}


# ---------------------------------------------------------------- damage


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damage_is_found_or_harmless(data):
    whole = _archives()[data.draw(st.sampled_from(SAMPLES))]
    damaged = bytearray(whole)
    kind = data.draw(st.sampled_from(("cut", "flip", "drop", "insert")))
    at = data.draw(st.integers(0, len(whole) - 1))
    if kind == "cut":
        del damaged[at:]
    elif kind == "flip":
        damaged[at] ^= data.draw(st.integers(1, 255))
    elif kind == "drop":
        del damaged[at : at + data.draw(st.integers(1, 64))]
    else:
        damaged[at:at] = data.draw(st.binary(min_size=1, max_size=16))
    try:
        again = load(bytes(damaged))
    except (DataError, InvalidAssetError):
        return
    assert dump(again) == whole  # a byte that nobody reads, such as a date


_CACHE: dict[str, bytes] = {}


def _archives() -> dict[str, bytes]:
    if not _CACHE:
        _CACHE.update({name: dump(getattr(samples, name)()) for name in SAMPLES})
    return _CACHE


def archive_of(tree: object, *contents: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("asset.json", tree if isinstance(tree, str) else json.dumps(tree))
        for i, content in enumerate(contents):
            archive.writestr(f"{i}.npy", content)
    return out.getvalue()


def made(name: str, /, **fields: object) -> dict[str, object]:
    return {"type": name, "fields": fields}


OBJECTS = io.BytesIO()
np.save(OBJECTS, np.array([{}], dtype=object), allow_pickle=True)

BROKEN = {
    "empty": b"",
    "text": b"hello",
    "no json": archive_of(""),
    "deep json": archive_of("[" * 100_000),
    "other zip": archive_of({"x": 1}),
    "plain value": archive_of(3),
    "nothing": archive_of(None),
    "list": archive_of({"tuple": []}),
    "unknown type": archive_of(made("Nothing")),
    "unknown field": archive_of(made("Tag", name="a", start=0, stop=1, colour=3)),
    "missing field": archive_of(made("Tag", name="a")),
    "no fields": archive_of({"type": "Tag"}),
    "fields as list": archive_of({"type": "Tag", "fields": [1]}),
    "type as list": archive_of({"type": ["Tag"], "fields": {}}),
    "missing array": archive_of(made("TileLayer", name="a", gids={"array": 0})),
    "array by name": archive_of(made("TileLayer", name="a", gids={"array": "0"})),
    "not an array": archive_of(made("TileLayer", name="a", gids={"array": 0}), b"x"),
    "pickle": archive_of(made("TileLayer", name="a", gids={"array": 0}), OBJECTS.getvalue()),
    "zero denominator": archive_of(made("Tag", name={"fraction": [1, 0]}, start=0, stop=1)),
    "broken map": archive_of(made("Clip", name="a", start=0, duration=1, properties={"map": [1]})),
    "wrong member": archive_of(made("DialogueTree", nodes={"tuple": [1]}, start="a")),
    "wrong value": archive_of(made("Tag", name="a", start=0, stop=0)),
    "array as asset": archive_of({"array": 0}, OBJECTS.getvalue()),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_broken_archives_are_refused(data):
    with pytest.raises((DataError, InvalidAssetError)) as caught:
        load(data)
    assert isinstance(caught.value, AigcError) and caught.value.message


def test_a_bomb_is_refused_before_it_is_unpacked():
    data = bytearray(dump(samples.sound()))
    at = data.rindex(b"PK\x01\x02")  # directory entry of the array: its unpacked size
    data[at + 24 : at + 28] = (0x7FFF_FFFF).to_bytes(4, "little")
    with pytest.raises(DataError, match="1 GiB"):
        load(bytes(data))


def test_foreign_objects_cannot_be_stored():
    with pytest.raises(TypeError, match="cannot archive set"):
        dump({1, 2})
