"""Variants of characters as assets of a pack: planned, built, checked, exported, not rebuilt."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import yaml

import aigc_assets as aa
from aigc_assets.build import batch, world
from aigc_assets.build.coherence import check_pack
from aigc_assets.build.graph import plan
from aigc_assets.build.manifest import json_schema, parse_manifest
from aigc_assets.errors import ManifestError, UsageError
from aigc_assets.exporters.unity import folder_meta
from aigc_assets.types import AssetPack, dump
from tests import samples
from tests.build.packs import build, document
from tests.build.small_stages import STAGES

WANTED = ["team_blue", "damage", "normal", "emission", "portrait", "shadow", "2x_epx"]


def pack(**changes):
    mira = {"id": "mira", "prompt": "young alchemist", "variants": WANTED, **changes}
    return document(
        character=[mira], map=None, sound=None, dialogue=None, cutscene=None,
        export={"targets": ["godot3", "unity"]},
    )  # fmt: skip


def test_every_variant_depends_on_its_sheet_and_shares_its_seed():
    nodes = plan(parse_manifest(pack(variations=2, variants=["2x", "normal"])))
    assert list(nodes) == [
        "mira_1", "mira_2", "mira_1_2x", "mira_1_normal", "mira_2_2x", "mira_2_normal",
    ]  # fmt: skip
    node = nodes["mira_2_normal"]
    assert (node.kind, node.deps, node.seed) == ("character", ("mira_2",), nodes["mira_2"].seed)
    assert node.request == {"variant": "normal", "of": "mira_2", "prompt": "young alchemist"}


def test_a_pack_with_variants_is_coherent_and_built_once(tmp_path):
    out = tmp_path / "out"
    build(pack(), out)
    lock = json.loads((out / "pack.lock.json").read_text())
    assert set(lock["assets"]) == {"mira", *(f"mira_{name}" for name in WANTED)}
    for name in ("mira", "mira_normal", "mira_2x_epx"):
        assert list(out.rglob(f"{name}_godot3_frames.tres")), name
    (meta,) = out.rglob("mira_normal.png.meta")
    importer = yaml.safe_load(meta.read_bytes())["TextureImporter"]
    assert importer["mipmaps"]["sRGBTexture"] == 0, "normals are no colours"
    (meta,) = out.rglob("mira_team_blue.png.meta")
    importer = yaml.safe_load(meta.read_bytes())["TextureImporter"]
    assert importer["mipmaps"]["sRGBTexture"] == 1
    assert yaml.safe_load((out / "unity.meta").read_bytes())["folderAsset"] is True
    (out / "unity.meta").write_bytes(folder_meta("another", "unity"))
    (meta,) = out.rglob("mira.png.meta")
    theirs = b"guid: " + b"0123456789abcdef" * 2
    meta.write_bytes(re.sub(rb"guid: \w+", theirs, meta.read_bytes()))
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*.tres")}
    build(pack(variants=[*WANTED, "freeze"]), out)
    after = {p: p.stat().st_mtime_ns for p in out.rglob("*.tres")}
    assert {p: after[p] for p in before} == before, "another variant rebuilds no other"
    assert any("freeze" in p.name for p in set(after) - set(before))
    assert theirs in meta.read_bytes(), "the guids of files that lie there are kept"
    assert (out / "unity.meta").read_bytes() == folder_meta("another", "unity")


def test_only_data_may_leave_the_palette():
    made = aa.World(seed=3, palette=samples.PALETTE, name="small")
    sheet = samples.sheet()
    from aigc_assets.pipelines.characters.variants import make_variant

    normal = make_variant(sheet, "normal", "mira", "", samples.PALETTE, 0)
    assets = {"mira": sheet, "mira_normal": normal.asset}
    said = AssetPack("p", made.palette, assets, {"mira_normal": normal.provenance})
    assert check_pack(said) == []
    silent = AssetPack("p", made.palette, assets)
    assert any("mira_normal" in problem for problem in check_pack(silent))


def test_the_same_bytes_in_python(tmp_path, monkeypatch):
    monkeypatch.setattr(world, "STAGES", STAGES)
    made = aa.World(seed=3, palette=samples.PALETTE, name="small")
    made.character("mira", "young alchemist")
    sheet = made.variant("mira", "team_blue")
    made.variant("mira", "shadow")
    assert made.pack.assets["mira_team_blue"] is sheet
    out = tmp_path / "out"
    build(pack(variants=["team_blue", "shadow"]), out)
    lock = json.loads((out / "pack.lock.json").read_text())
    for name, asset in made.pack.assets.items():
        content = lock["assets"][name]["content"]
        stored = (out / ".aigc" / "objects" / content[:2] / content).read_bytes()
        assert stored == dump(asset), name
    with pytest.raises(UsageError, match=r"team_beige.*team_blue|expected one of"):
        made.variant("mira", "team_beige")
    with pytest.raises(UsageError, match='no character "mirra"'):
        made.variant("mirra", "shadow")
    assert set(made.pack.assets) == {"mira", "mira_team_blue", "mira_shadow"}


def test_generate_makes_them_beside_their_sheets():
    values = {"prompt": "young alchemist", "variants": ["shadow"]}
    chosen = batch.single_plan("character", values, (4, 5), "png", np.array(samples.PALETTE), STAGES)
    assert sorted(chosen.nodes) == [
        "character_4", "character_4_shadow", "character_5", "character_5_shadow",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"variants": ["team_beige"]}, r'key "variants\[0\]": expected one of team_red'),
        ({"variants": ["2x", "2x"]}, "stands in the list twice"),
        ({"variants": "2x"}, "expected a list"),
        ({"id": "m" * 60, "variants": ["normal"]}, "longer than 64 characters"),
    ],
)
def test_wrong_variants_are_one_clear_error(changes, message):
    with pytest.raises(ManifestError, match=message):
        parse_manifest(pack(**changes))


def test_a_variant_cannot_take_the_id_of_another_asset():
    values = pack(variants=["2x"])
    values["character"].append({"id": "mira_2x", "prompt": "her twin"})
    with pytest.raises(ManifestError, match='the id "mira_2x" is used twice'):
        parse_manifest(values)


def test_the_schema_lists_the_variants():
    offered = json_schema()["$defs"]["CharacterTable"]["properties"]["variants"]["items"]["enum"]
    assert {"team_blue", "2x", "normal", "emission", "portrait", "shadow"} <= set(offered)
