"""Named frames: TexturePacker JSON, Unity's .meta, Unreal's .paper2dsprites, .aseprite files."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_assets.errors import UsageError
from aigc_assets.exporters import export_asset
from aigc_assets.exporters.animation import frame_names, frames_per_second
from aigc_assets.exporters.unity import export_unity, folder_meta, keep_ids
from aigc_assets.types import AssetPack, Provenance, SpriteSheet, Tag
from tests import samples
from tests.exporters.test_sprite_formats import decode, mixed

SHEETS = {"mira": samples.sheet(), "mixed": mixed()}
every_sheet = pytest.mark.parametrize("name", SHEETS)


def tagged(*tags: Tag) -> SpriteSheet:
    sheet = samples.sheet()
    return SpriteSheet(sheet.image, sheet.frames, tags, sheet.palette)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abc_"), st.integers(0, 15), st.integers(1, 16)), max_size=4)
)
def test_frame_names_differ_or_are_refused(spans):
    tags, used = [], set()
    for word, start, length in spans:
        if word not in used:
            used.add(word)
            tags.append(Tag(word, start, min(16, start + length)))
    sheet = tagged(*tags)
    try:
        names = frame_names(sheet, "x")
    except UsageError:
        return
    assert len(set(names)) == len(names) == 16
    for tag in tags:
        mine = [n for n in names[tag.start : tag.stop] if re.fullmatch(rf"x_{tag.name}_\d+", n)]
        assert mine == sorted(mine), "sorting by name keeps the order"


@pytest.mark.parametrize("fmt", ["texture_packer", "unity", "paper2d"])
def test_two_frames_of_one_name_are_an_error(fmt):
    export_asset(tagged(Tag("walk", 0, 2), Tag("hide", 2, 4)), "x", fmt)
    clash = tagged(Tag("walk", 0, 2), Tag("Walk", 2, 4))
    with pytest.raises(UsageError, match="frames 0 and 2 would both be called 'x_Walk_0'"):
        export_asset(clash, "x", fmt)


@every_sheet
def test_texture_packer_names_frames_and_animations(name):
    sheet = SHEETS[name]
    files = export_asset(sheet, name, "texture_packer")
    document = json.loads(files[f"{name}_atlas.json"])
    assert document["meta"]["image"] in files
    names = list(document["frames"])
    assert names == frame_names(sheet, name)
    for entry, frame in zip(document["frames"].values(), sheet.frames, strict=True):
        assert tuple(entry["frame"].values()) == frame.rect
        assert entry["rotated"] is False and entry["trimmed"] is False
        assert entry["sourceSize"] == {"w": frame.rect[2], "h": frame.rect[3]}
        for key in ("anchor", "pivot"):
            place = (entry[key]["x"] * frame.rect[2], entry[key]["y"] * frame.rect[3])
            assert place == pytest.approx(frame.pivot, abs=1e-4)
        assert entry["duration"] == frame.duration_ms
    assert list(document["animations"]) == [tag.name for tag in sheet.tags]
    assert {n for row in document["animations"].values() for n in row} <= set(names)
    for tag in sheet.tags:
        fps = document["meta"]["fps"][tag.name]
        assert fps == pytest.approx(frames_per_second(sheet, tag), abs=1e-3)


@every_sheet
def test_paper2d_says_what_it_is_for(name):
    sheet = SHEETS[name]
    files = export_asset(sheet, name, "paper2d")
    document = json.loads(files[f"{name}.paper2dsprites"])
    assert document["meta"]["target"] == "paper2d" and document["meta"]["app"]
    assert document["meta"]["image"] in files
    assert list(document["frames"]) == frame_names(sheet, name)
    for entry, frame in zip(document["frames"].values(), sheet.frames, strict=True):
        assert tuple(entry["frame"].values()) == frame.rect
        place = (entry["pivot"]["x"] * frame.rect[2], entry["pivot"]["y"] * frame.rect[3])
        assert place == pytest.approx(frame.pivot, abs=1e-4)


def read_meta(data: bytes) -> dict:
    assert b"\r" not in data and not data.startswith(b"\xef\xbb\xbf")
    return yaml.safe_load(data)


@every_sheet
def test_unity_cuts_every_frame_out_of_the_picture(name):
    sheet = SHEETS[name]
    files = export_unity(sheet, name)
    picture = decode(files[f"{name}.png"])
    meta = read_meta(files[f"{name}.png.meta"])
    assert meta["fileFormatVersion"] == 2
    assert re.fullmatch("[0-9a-f]{32}", str(meta["guid"]))
    settings = meta["TextureImporter"]
    assert (settings["textureType"], settings["spriteMode"]) == (8, 2)
    assert settings["textureSettings"]["filterMode"] == 0 and settings["nPOTScale"] == 0
    assert settings["mipmaps"]["enableMipMap"] == 0 and settings["alphaIsTransparency"] == 1
    assert settings["mipmaps"]["sRGBTexture"] == 1
    platform = settings["platformSettings"][0]
    assert platform["textureCompression"] == 0
    assert min(platform["maxTextureSize"], settings["maxTextureSize"]) >= max(picture.shape[:2])
    sprites = settings["spriteSheet"]["sprites"]
    assert [s["name"] for s in sprites] == frame_names(sheet, name)
    upside_down = picture[::-1]  # Unity's rows count from the bottom
    for index, (sprite, frame) in enumerate(zip(sprites, sheet.frames, strict=True)):
        rect = sprite["rect"]
        x, y, w, h = (rect[key] for key in ("x", "y", "width", "height"))
        cut = upside_down[y : y + h, x : x + w][::-1]
        np.testing.assert_array_equal(cut, sheet.frame_image(index))
        assert sprite["alignment"] == 9
        pivot = sprite["pivot"]
        place = (pivot["x"] * w, h - pivot["y"] * h)
        assert place == pytest.approx(frame.pivot, abs=1e-4)


@every_sheet
def test_unity_ids_tell_sprites_apart_and_agree(name):
    sheet = SHEETS[name]
    settings = read_meta(export_unity(sheet, name)[f"{name}.png.meta"])["TextureImporter"]
    sprites = settings["spriteSheet"]["sprites"]
    ids = {s["name"]: s["internalID"] for s in sprites}
    assert len(set(ids.values())) == len(sprites) and 0 not in ids.values()
    assert all(-(2**63) <= number < 2**63 for number in ids.values())
    assert len({s["spriteID"] for s in sprites}) == len(sprites)
    assert all(re.fullmatch("[0-9a-f]{32}", str(s["spriteID"])) for s in sprites)
    assert settings["spriteSheet"]["nameFileIdTable"] == ids
    table = {row["second"]: row["first"][213] for row in settings["internalIDToNameTable"]}
    assert table == ids


def test_unity_ids_survive_other_pixels_and_differ_between_packs():
    sheet = samples.sheet()
    other = SpriteSheet(sheet.image[..., :] * 0, sheet.frames, sheet.tags, sheet.palette)
    first = export_unity(sheet, "mira", samples.pack())["mira.png.meta"]
    assert export_unity(other, "mira", samples.pack())["mira.png.meta"] == first
    elsewhere = AssetPack("elsewhere", samples.PALETTE, {"mira": sheet})
    second = read_meta(export_unity(sheet, "mira", elsewhere)["mira.png.meta"])
    assert second["guid"] != read_meta(first)["guid"]


def test_unity_keeps_the_ids_of_a_meta_that_lies_there():
    sheet = samples.sheet()
    path = "mira.png.meta"
    old = export_unity(sheet, "mira", AssetPack("before", samples.PALETTE, {"mira": sheet}))[path]
    new = export_unity(sheet, "mira", samples.pack())[path]
    assert keep_ids(new, old) == old
    # As Unity writes it again: other line ends, no quotes, settings changed, one sprite renamed.
    theirs = old.replace(b'"', b"").replace(b"filterMode: 0", b"filterMode: 1")
    theirs = theirs.replace(b"mira_idle_0\n", b"hero\n").replace(b"\n", b"\r\n")
    kept, wanted, fresh = (read_meta(data) for data in (keep_ids(new, theirs), old, new))
    assert kept["guid"] == wanted["guid"] != fresh["guid"]
    settings = kept["TextureImporter"]
    assert settings["textureSettings"]["filterMode"] == 0
    for ours, theirs_, own in zip(
        *(m["TextureImporter"]["spriteSheet"]["sprites"] for m in (kept, wanted, fresh)),
        strict=True,
    ):
        expected = own if ours["name"] == "mira_idle_0" else theirs_
        assert (ours["internalID"], ours["spriteID"]) == (
            expected["internalID"], expected["spriteID"])  # fmt: skip
    table = {row["second"]: row["first"][213] for row in settings["internalIDToNameTable"]}
    assert table == {s["name"]: s["internalID"] for s in settings["spriteSheet"]["sprites"]}
    assert settings["spriteSheet"]["nameFileIdTable"] == table
    folders = [folder_meta(name, "unity") for name in ("a", "b")]
    assert keep_ids(*folders) == folders[1]


@given(st.binary(max_size=200) | st.text("guid: abc0123456789\n", max_size=99).map(str.encode))
def test_unity_ids_of_anything_leave_a_whole_meta(old):
    new = folder_meta("pack", "unity")
    meta = read_meta(keep_ids(new, old))
    assert meta["folderAsset"] is True and re.fullmatch("[0-9a-f]{32}", str(meta["guid"]))


def test_unity_takes_a_normal_map_as_data():
    sheet = samples.sheet()
    made = Provenance("character", "composition", "", 0, {"variant": "normal"})
    pack = AssetPack("p", samples.PALETTE, {"mira": sheet}, {"mira": made})
    meta = read_meta(export_unity(sheet, "mira", pack)["mira.png.meta"])
    assert meta["TextureImporter"]["mipmaps"]["sRGBTexture"] == 0


def test_unity_folders_have_a_meta_of_their_own():
    meta = read_meta(folder_meta("pack", "unity"))
    assert meta["folderAsset"] is True and re.fullmatch("[0-9a-f]{32}", str(meta["guid"]))
    assert folder_meta("pack", "unity") != folder_meta("pack", "other")


def test_an_odd_name_stays_text_in_unity():
    sheet = tagged(Tag('say: "yes" #1', 0, 4), Tag("tschüß", 4, 5))
    meta = read_meta(export_unity(sheet, "mira")["mira.png.meta"])
    names = [s["name"] for s in meta["TextureImporter"]["spriteSheet"]["sprites"]]
    assert names == frame_names(sheet, "mira")


def test_repeated_frames_are_linked_cels():
    sheet = samples.sheet()
    (data,) = export_asset(sheet, "mira", "aseprite_file").values()
    # 16 frames, but only four pictures: idle and walk, two each.
    assert data.count(b"\x05\x20") == 16
    links = re.findall(rb"\x05\x20.{7}\x01\x00.{7}(..)", data, flags=re.DOTALL)
    assert len(links) == 12
