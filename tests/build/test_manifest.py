from __future__ import annotations

import json
import string
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_assets.build import vocabulary
from aigc_assets.build.manifest import (
    Manifest,
    json_schema,
    load_manifest,
    parse_manifest,
)
from aigc_assets.errors import ManifestError
from tests.build.packs import document

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "ember_keep" / "pack.toml"


def refused(values: dict[str, Any]) -> str:
    with pytest.raises(ManifestError) as caught:
        parse_manifest(values, where="pack.toml")
    text = str(caught.value)
    assert text.startswith("pack.toml")
    assert "\n" not in text
    assert caught.value.exit_code == 2
    return text


def test_example_is_a_manifest():
    manifest, colours = load_manifest(EXAMPLE)
    assert manifest.pack.name == "ember_keep"
    assert colours is None
    assert [m.id for m in manifest.map] == ["keep", "ember_cave"]
    assert len(manifest.character) == 4


def change(table_name: str, number: int = 0, /, **values: Any) -> dict[str, Any]:
    changed = document()
    found = changed[table_name]
    table = found[number] if isinstance(found, list) else found
    table.update(values)
    return changed


TABLE = [
    (
        change("map", them="cave"),
        ['[[map]] number 1 (id "keep")', '"them"', 'did you mean "theme"'],
    ),
    (change("map", theme="dungeonn"), ['key "theme"', "dungeon, ", 'did you mean "dungeon"']),
    (change("map", size=[8]), ['key "size"', "8..256", "[8]"]),
    (change("map", size=[8, 257]), ["[8, 257]", "8..256"]),
    (change("map", size=[True, 8]), ['key "size"']),
    (change("map", size="8x8"), ['key "size"', '"8x8"']),
    (change("map", id="../keep"), ['key "id"', "../keep"]),
    (change("map", id="a/b"), ['key "id"', "a/b"]),
    (change("map", id="a\\b"), ['key "id"']),
    (change("map", id=".."), ['key "id"']),
    (change("map", id=""), ['key "id"']),
    (change("map", id="con"), ["reserved"]),
    (change("map", id="Keep"), ["a-z"]),
    (change("map", seed=-1), ['key "seed"', "-1"]),
    (change("map", seed=2**63), ['key "seed"']),
    (change("map", seed=1.5), ['key "seed"', "1.5"]),
    (change("map", seed=True), ['key "seed"', "true"]),
    (change("map", require=["keys behind doors"]), ['key "require"', "keys behind doors"]),
    (change("map", require="start -> exit"), ['key "require"', "list"]),
    (change("character", id="keep"), ['"keep" is used twice', "[[map]] number 1"]),
    (change("character", 1, id="coin_2"), ["coin_2", "used twice"]),
    (change("character", prompt=""), ['key "prompt"', "1..300"]),
    (change("character", prompt="a\nb"), ['key "prompt"', "one line"]),
    (change("character", prompt="   "), ['key "prompt"', "is empty"]),
    (change("character", prompt="wiz\udcffard"), ['key "prompt"', "UTF-8"]),
    (change("character", animations=["idle", "dance"]), ['"animations[1]"', "dance"]),
    (change("character", animations=[]), ['key "animations"']),
    (change("character", animations=["idle", "idle"]), ["twice"]),
    (change("character", size=63), ['key "size"', "63"]),
    (change("sound", kind="coinn"), ['did you mean "coin"']),
    (change("sound", variations=0), ['key "variations"', "1..64"]),
    (change("sound", duration_ms=1), ['key "duration_ms"']),
    (change("dialogue", cast=["mira", "wardn"]), ['"wardn"', 'did you mean "warden"']),
    (change("dialogue", cast=["keep"]), ["expected a character", "[[map]]"]),
    (change("dialogue", cast=[]), ['key "cast"']),
    (change("dialogue", mood="tensee"), ['key "mood"']),
    (change("dialogue", lines=1), ['key "lines"', "2..60"]),
    (change("dialogue", text={"hall_01": "x"}), ["hall_01", "gate_01"]),
    (change("dialogue", text={"gate_01": 3}), ["gate_01", "3"]),
    (change("cutscene", map="kep"), ['there is no map "kep"', '"keep"']),
    (change("cutscene", dialogue="opening"), ["expected a dialogue"]),
    (change("cutscene", sounds=["bell"]), ['there is no sound "bell"', "coin_1"]),
    (change("cutscene", resolution=[1281, 720]), ["even"]),
    (change("cutscene", frame_rate=0), ['key "frame_rate"']),
    (change("character", animations=["idle"]), ["[[cutscene]]", "has no animation 'walk'"]),
    (change("character", size=64, kind="portrait"), ["[[cutscene]]", "portrait", "cannot act"]),
    (change("character", size=32, crowd=9), ["[[cutscene]]", "a crowd", "single"]),
    (change("export", targets=["godott"]), ['did you mean "godot"']),
    (change("export", targets=[]), ['key "targets"']),
    (change("pack", palette=7), ["8..64", "7"]),
    (change("pack", name="My Pack"), ['[pack], key "name"']),
    (change("pack", max_seconds=0), ['key "max_seconds"']),
    (document(pack=None), ["[pack] is missing"]),
    (document(export=None), ["[export] is missing"]),
    (document(maps=[]), ['unknown table "maps"', 'did you mean "map"']),
    (document(map={"id": "keep"}), ["[[map]]", "double brackets"]),
    (document(map=3), ["map", "3"]),
    (document(map=["keep"]), ["[[map]] number 1", "a table"]),
    (document(pack=[]), ["[pack]"]),
    ({}, ["says nothing"]),
]


@pytest.mark.parametrize(("values", "words"), TABLE)
def test_each_mistake_is_named(values, words):
    text = refused(values)
    for word in words:
        assert word in text, text


def test_who_is_seen_from_one_side_may_act():
    parse_manifest(change("character", size=32, kind="monster"))


def test_an_empty_pack_is_refused():
    empty = {"pack": {"name": "x"}, "export": {"targets": ["web"]}}
    assert "asks for nothing" in refused(empty)


def test_other_problems_are_counted():
    values = change("map", them="cave", size=[1, 1])
    assert "1 more problem" in refused(values)


def test_a_missing_key_is_named():
    values = document()
    del values["map"][0]["theme"]
    text = refused(values)
    assert '[[map]] number 1 (id "keep")' in text
    assert "theme is missing" in text


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty"),
        (b" \n\t", "empty"),
        (b"\x89PNG\r\n\x1a\n\x00\xff", "UTF-8"),
        (b"[pack\nname = 1", "not valid TOML"),
        (b"pack = 1\npack = 2", "not valid TOML"),
        (b"# only a comment\n", "says nothing"),
        (b"x = " + b"[" * 5000, "not valid TOML"),
        (b"x" * 1_000_001, "too large"),
    ],
)
def test_a_file_that_is_no_manifest(tmp_path, data, word):
    path = tmp_path / "pack.toml"
    path.write_bytes(data)
    with pytest.raises(ManifestError, match=word) as caught:
        load_manifest(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_file_and_a_folder(tmp_path):
    with pytest.raises(ManifestError, match="no such file"):
        load_manifest(tmp_path / "pack.toml")
    with pytest.raises(ManifestError, match="folder"):
        load_manifest(tmp_path)


@pytest.mark.parametrize("name", ["none.gpl", "colours.png", "bad.hex", "\x00.hex"])
def test_a_palette_file_that_cannot_be_read(tmp_path, name):
    (tmp_path / "bad.hex").write_text("red\n")
    path = tmp_path / "pack.toml"
    text = json.dumps(name)
    path.write_text(
        f'[pack]\nname = "p"\npalette = {text}\n[[sound]]\nid = "a"\nkind = "coin"\n'
        '[export]\ntargets = ["web"]\n'
    )
    with pytest.raises(ManifestError) as caught:
        load_manifest(path)
    assert 'key "palette"' in str(caught.value)


def test_a_palette_file_is_read_beside_the_manifest(tmp_path):
    (tmp_path / "two.hex").write_text("ff0000\n00ff00\n")
    path = tmp_path / "pack.toml"
    path.write_text(
        '[pack]\nname = "p"\npalette = "two.hex"\n[[sound]]\nid = "a"\nkind = "coin"\n'
        '[export]\ntargets = ["web"]\n'
    )
    _, colours = load_manifest(path)
    assert colours is not None and colours.tolist() == [[255, 0, 0], [0, 255, 0]]


def test_schema_knows_the_words_and_accepts_the_example():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    values = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    validator.validate(values)
    validator.validate(document())
    values["map"][0]["theme"] = "nowhere"
    assert not validator.is_valid(values)
    assert vocabulary.themes()[0] in json.dumps(schema)
    assert not validator.is_valid(document(maps=[]))


WORDS = st.sampled_from(
    ["pack", "map", "id", "theme", "size", "name", "seed", "cast", "text", "keep", "targets", "web",
     "dungeon", "..", "export", "sound", "kind", "coin", "character", "prompt", "dialogue"]
)  # fmt: skip
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(WORDS, ANYTHING, max_size=6))
def test_any_mapping_is_a_manifest_or_a_manifest_error(values):
    try:
        assert isinstance(parse_manifest(values, where="x"), Manifest)
    except ManifestError as error:
        assert "\n" not in str(error)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["pack", "map", "character", "sound", "dialogue", "cutscene", "export"]),
    st.data(),
)
def test_one_value_replaced(kind, data):
    values = document()
    table = values[kind][0] if isinstance(values[kind], list) else values[kind]
    key = data.draw(st.sampled_from(sorted(table)) | st.text(string.ascii_lowercase, max_size=6))
    table[key] = data.draw(ANYTHING)
    try:
        assert isinstance(parse_manifest(values, where="x"), Manifest)
    except ManifestError as error:
        assert "\n" not in str(error)
        assert error.where


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode()))
def test_any_file_is_a_manifest_or_a_manifest_error(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("any") / "pack.toml"
    path.write_bytes(data)
    with pytest.raises(ManifestError):
        load_manifest(path)
