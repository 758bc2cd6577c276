"""What every format must hold: a row in FORMATS enrols it here by itself."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from aigc_assets.errors import MissingPartError, UsageError
from aigc_assets.exporters import DEFAULT_FORMAT, FORMATS, TARGETS, Format, export_asset
from aigc_assets.types import Asset, kind_of
from tests import samples

BY_KIND: dict[str, tuple[str, Asset]] = {}
for _name, _asset in samples.pack().assets.items():
    BY_KIND.setdefault(kind_of(_asset), (_name, _asset))
BY_KIND["terrain"] = ("isle", samples.terrain())

CASES = [(fmt, kind) for fmt, entry in FORMATS.items() for kind in entry.kinds]
TEXT = {
    ".tmx",
    ".tsx",
    ".tmj",
    ".ldtk",
    ".tscn",
    ".tres",
    ".json",
    ".yarn",
    ".ink",
    ".srt",
    ".otio",
    ".meta",
    ".paper2dsprites",
}
BINARY = {".png", ".raw", ".glb", ".aseprite", ".apng", ".wav", ".ogg", ".mp4"}

_EXPORT_ALL = """
import hashlib, json, sys
from tests.exporters.test_all_formats import CASES, export
digests = {
    f"{fmt} {kind} {name}": hashlib.sha256(data).hexdigest()
    for fmt, kind in CASES for name, data in export(fmt, kind).items()
}
print(json.dumps({"digests": digests, "torch": "torch" in sys.modules}))
"""


def export(fmt: str, kind: str) -> dict[str, bytes]:
    name, asset = BY_KIND[kind]
    return export_asset(asset, name, fmt, samples.pack())


@pytest.fixture(scope="module")
def elsewhere() -> dict:
    """All exports made in a fresh process with other hashes and another time zone."""
    root = Path(__file__).parents[2]
    changed = {"PYTHONHASHSEED": "4711", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    environment = {**os.environ, **changed, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", _EXPORT_ALL]
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, check=True, text=True
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize(("fmt", "kind"), CASES)
def test_same_bytes_again_and_in_another_process(fmt, kind, elsewhere):
    files = export(fmt, kind)
    assert files == export(fmt, kind)
    prefix = f"{fmt} {kind} "
    there = {k.removeprefix(prefix): v for k, v in elsewhere["digests"].items()}
    here = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    assert here == {name: there.get(name) for name in here}


def test_no_exporter_loads_torch(elsewhere):
    assert elsewhere["torch"] is False


@pytest.mark.parametrize(("fmt", "kind"), CASES)
def test_file_names_are_declared_and_safe(fmt, kind):
    name, _ = BY_KIND[kind]
    files = export(fmt, kind)
    assert files
    suffixes = [PurePosixPath(file).suffix for file in files]
    assert set(suffixes) <= set(FORMATS[fmt].suffixes)
    assert suffixes[0] == FORMATS[fmt].suffixes[0], "the main file comes first"
    for file, data in files.items():
        assert isinstance(data, bytes) and data
        path = PurePosixPath(file)
        assert file.startswith(name) and not path.is_absolute() and len(path.parts) == 1
        assert "\\" not in file and file == file.lower()


@pytest.mark.parametrize("fmt", FORMATS)
def test_every_declared_suffix_is_written(fmt):
    written = {
        PurePosixPath(file).suffix for kind in FORMATS[fmt].kinds for file in export(fmt, kind)
    }
    assert written == set(FORMATS[fmt].suffixes)


@pytest.mark.parametrize(("fmt", "kind"), CASES)
def test_text_is_utf8_with_unix_line_ends(fmt, kind):
    for file, data in export(fmt, kind).items():
        suffix = PurePosixPath(file).suffix
        assert suffix in TEXT | BINARY, f"say in this test whether {suffix} is text"
        if suffix in TEXT:
            text = data.decode("utf-8")
            assert not text.startswith("\ufeff")
            assert "\r" not in text and text.endswith("\n")
            assert str(Path.cwd()) not in text and "\t\n" not in text


@pytest.mark.parametrize("kind", BY_KIND)
def test_formats_of_one_asset_share_a_folder(kind):
    """Two formats that write a file of the same name write the same bytes into it."""
    seen: dict[str, bytes] = {}
    for fmt, entry in FORMATS.items():
        if kind in entry.kinds:
            for file, data in export(fmt, kind).items():
                assert seen.setdefault(file, data) == data, f"{fmt} overwrites {file}"


@pytest.mark.parametrize(
    "fmt", [f for f, entry in FORMATS.items() if entry.names_pack and "map" in entry.kinds]
)
def test_a_map_says_where_it_comes_from_and_what_it_is(fmt):
    name, asset = BY_KIND["map"]
    main, *_ = export(fmt, "map").values()
    text = main.decode("utf-8", "replace")
    for key, value in (
        ("aigc_pack", "sample"),
        ("aigc_model", "composition"),
        ("movement", "walk"),
    ):
        assert key in text and value in text
    assert "digitalsourcetype/algorithmicMedia" in text
    alone, *_ = export_asset(asset, name, fmt).values()
    assert b"aigc_pack" not in alone and b"movement" in alone


@pytest.mark.parametrize("fmt", ["billboard", "voxels"])
def test_a_character_in_space_says_where_it_comes_from(fmt):
    name, asset = BY_KIND["character"]
    (data,) = export(fmt, "character").values()
    assert b'"aigc_pack":"sample"' in data and b"digitalsourcetype" in data
    (alone,) = export_asset(asset, name, fmt).values()
    assert b"aigc_pack" not in alone


@pytest.mark.parametrize("fmt", FORMATS)
def test_another_kind_is_refused(fmt):
    for kind, (name, asset) in BY_KIND.items():
        if kind not in FORMATS[fmt].kinds:
            with pytest.raises(UsageError, match=f"{fmt} does not hold a {kind}"):
                export_asset(asset, name, fmt, samples.pack())


def test_an_unknown_format_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match=r"unknown format 'docx'.*tiled"):
        export_asset(samples.tilemap(), "keep", "docx")


@pytest.mark.parametrize(
    "name", ["", "../keep", "a/b", "a\\b", ".hidden", "-rf", "keep\n", "ke ep", "é", "x" * 97]
)
def test_an_unsafe_name_is_refused(name):
    with pytest.raises(UsageError, match="is not a file name"):
        export_asset(samples.tilemap(), name, "tiled")


@pytest.mark.parametrize("fmt", [fmt for fmt, entry in FORMATS.items() if entry.needs_pack])
def test_a_format_that_needs_the_pack_asks_for_it(fmt):
    name, asset = BY_KIND[FORMATS[fmt].kinds[0]]
    with pytest.raises(UsageError, match="give the pack"):
        export_asset(asset, name, fmt)


def test_every_kind_has_a_default_format():
    assert set(DEFAULT_FORMAT) == set(BY_KIND)
    for kind, fmt in DEFAULT_FORMAT.items():
        assert kind in FORMATS[fmt].kinds


def test_targets_name_formats():
    assert {fmt for formats in TARGETS.values() for fmt in formats} <= set(FORMATS)


def test_a_missing_package_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(
        FORMATS, "odd", Format(("map",), "no_such_package", "export_odd", (".odd",))
    )
    with pytest.raises(MissingPartError, match="pip install no_such_package"):
        export_asset(samples.tilemap(), "keep", "odd")


def test_a_missing_module_of_our_own_is_not_blamed_on_the_user(monkeypatch):
    entry = Format(("map",), "aigc_assets.exporters.nowhere", "export_odd", (".odd",))
    monkeypatch.setitem(FORMATS, "odd", entry)
    with pytest.raises(ModuleNotFoundError):
        export_asset(samples.tilemap(), "keep", "odd")
