"""Godot 3 files by rules and golden copies; ``test_map_readers.py`` runs the engine on them.

After a change that is meant, write the golden files anew with
``AIGC_ASSETS_UPDATE_GOLDEN=1 pytest tests/exporters/test_godot3.py`` and read the difference.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aigc_assets.exporters.godot3 import export_godot3, tile_data
from tests import samples
from tests.exporters import maps

GOLDEN = Path(__file__).parent / "golden"
MAPS = {"keep": samples.tilemap(), "odd": maps.flipped(), "side": maps.side_view()}


@pytest.mark.parametrize("name", MAPS)
def test_text_files_equal_their_golden_copies(name):
    for file, data in export_godot3(MAPS[name], name).items():
        if file.endswith(".png"):
            continue
        golden = GOLDEN / file
        if os.environ.get("AIGC_ASSETS_UPDATE_GOLDEN"):
            golden.write_bytes(data)
        assert data.decode() == golden.read_bytes().decode(), file


@pytest.mark.parametrize("name", MAPS)
def test_resources_are_declared_before_they_are_used_and_counted(name):
    files = export_godot3(MAPS[name], name)
    for file in (f"{name}_godot3.tscn", f"{name}_godot3_tileset.tres"):
        text = files[file].decode()
        declared: set[str] = set()
        for line in text.splitlines():
            for path in re.findall(r'\[ext_resource path="([^"]+)"', line):
                assert path in files
            head = re.match(r"\[(ext|sub)_resource .*\bid=(\d+)\]", line)
            used = re.findall(r"(Ext|Sub)Resource\( (\d+) \)", line)
            assert {(k.lower(), n) for k, n in used} <= declared, line
            if head:
                assert head.groups() not in declared
                declared.add(head.groups())
        steps = int(re.search(r"load_steps=(\d+)", text).group(1))
        assert steps == len(declared) + 1


def test_what_stops_a_body_has_a_shape():
    text = export_godot3(MAPS["side"], "side")["side_godot3_tileset.tres"].decode()
    shapes = re.findall(r'^(\d+)/shapes = .*\n.*\n"one_way": (\w+),', text, flags=re.MULTILINE)
    assert shapes == [("2", "false"), ("3", "true")]
    assert text.count("AnimatedTexture") == 1 and "frames = 3\n" in text
    assert re.search(r"frame_1/delay_sec = 0\.15$", text, flags=re.MULTILINE)


@given(hnp.arrays(np.uint32, (3, 4), elements=st.integers(0, 2**20)), st.sampled_from(maps.FLIPS))
def test_tile_data_is_exact(gids, flip):
    gids = np.where(gids > 0, gids | np.uint32(flip), 0).astype(np.uint32)
    numbers = [int(text) for text in tile_data(gids).split(", ") if text]
    assert len(numbers) == 3 * np.count_nonzero(gids)
    assert all(-(2**31) <= number < 2**31 for number in numbers)
    found = np.zeros_like(gids)
    for place, tile, atlas in zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True):
        flags = tile & 0xFFFFFFFF
        flips = ((29, 31), (30, 30), (31, 29))
        back = sum((flags >> theirs & 1) << ours for theirs, ours in flips)
        found[place >> 16, place & 0xFFFF] = (flags & 0x1FFFFFFF) | back
        assert atlas == 0
    np.testing.assert_array_equal(found, gids)
