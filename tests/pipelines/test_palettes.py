import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_assets.errors import DataError, UsageError
from aigc_assets.metrics import colour_words
from aigc_assets.pipelines import palettes


@settings(max_examples=25, deadline=None)
@given(size=st.integers(8, 64), seed=st.integers(0, 2**40))
def test_palette_has_distinct_colours_from_dark_to_light(size, seed):
    palette = palettes.make_palette(size, seed)
    assert palette.shape == (size, 3) and palette.dtype == np.uint8
    assert len({tuple(c) for c in palette.tolist()}) == size
    lightness = palettes.to_oklab(palette)[:, 0]
    assert (np.diff(lightness) >= 0).all()
    assert lightness[0] < 0.25 and lightness[-1] > 0.9, "an outline colour and a highlight"
    assert (palettes.make_palette(size, seed) == palette).all()


def test_small_palettes_still_hold_skin_leaf_and_water():
    lab = palettes.to_oklab(palettes.make_palette(16, 3))
    hue = np.rad2deg(np.arctan2(lab[:, 2], lab[:, 1])) % 360
    strong = np.hypot(lab[:, 1], lab[:, 2]) > 0.04
    for name, low, high in (("skin", 25, 85), ("leaf", 110, 175), ("water", 220, 285)):
        assert (strong & (hue > low) & (hue < high)).any(), name


@pytest.mark.parametrize("size", [16, 24, 32, 64])
def test_every_basic_colour_word_has_a_colour(size):
    for seed in range(60):
        named = colour_words.colour_of(palettes.make_palette(size, seed))
        missing = set(colour_words.COLOURS) - {colour_words.COLOURS[i] for i in named}
        assert not missing, (seed, missing)


@pytest.mark.parametrize("size", [0, 7, 65])
def test_palette_size_out_of_range(size):
    with pytest.raises(UsageError, match=r"8\.\.64"):
        palettes.make_palette(size)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=1, max_size=20))
def test_oklab_round_trip_is_exact(colours):
    rgb = np.array(colours, dtype=np.uint8)
    assert (palettes.from_oklab(palettes.to_oklab(rgb)) == rgb).all()


def test_nearest_maps_each_palette_colour_to_itself():
    palette = palettes.make_palette(32, 1)
    assert (palettes.nearest(palette, palette) == np.arange(32)).all()


def test_ramp_goes_from_dark_to_light_within_the_palette():
    palette = palettes.make_palette(32, 1)
    picked = palettes.ramp(palette, 140, 0.1, 4)
    members = {tuple(c) for c in palette.tolist()}
    assert all(tuple(c) in members for c in picked.tolist())
    assert (np.diff(palettes.to_oklab(picked)[:, 0]) >= 0).all()


def test_reads_gpl_and_hex(tmp_path):
    gpl = tmp_path / "a.gpl"
    gpl.write_text("GIMP Palette\nName: x\nColumns: 2\n#\n 10  20  30\tdark\n255 0 9 red\n")
    assert palettes.read_palette(gpl).tolist() == [[10, 20, 30], [255, 0, 9]]
    hexed = tmp_path / "a.hex"
    hexed.write_text("0a141e\n#FF0009\n")
    assert palettes.read_palette(hexed).tolist() == [[10, 20, 30], [255, 0, 9]]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.hex", b"0a141e\nzzz\n", ":2"),
        ("a.hex", b"0a141e\n", "2..256"),
        ("a.gpl", b"GIMP Palette\n1 2\n", ":2"),
        ("a.gpl", b"GIMP Palette\n1 2 999\n3 4 5\n", ":2"),
        ("a.gpl", b"\xff\xfe\x00", "cannot read"),
    ],
)
def test_bad_palette_files_name_the_line(tmp_path, name, content, says):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        palettes.read_palette(path)
    assert says in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["x.gpl", "x.hex"]))
def test_any_bytes_give_a_palette_or_a_data_error(tmp_path_factory, content, name):
    path = tmp_path_factory.mktemp("palette") / name
    path.write_bytes(content)
    try:
        palette = palettes.read_palette(path)
    except DataError:
        return
    assert 2 <= len(palette) <= 256
