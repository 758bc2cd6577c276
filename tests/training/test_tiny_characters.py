"""16 px data: roles, layers that fit, shapes between two, frames in given colours."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest
import torch

from aigc_assets.errors import DataError
from aigc_assets.models import checkpoint
from aigc_assets.models.slot_mixer import SlotMixerConfig
from aigc_assets.training.characters.judges import tiny_report
from aigc_assets.training.characters.size16 import (
    ninja_creatures,
    ninja_people,
    tiny_creatures,
    tiny_people,
    tiny_poses,
)
from aigc_assets.training.characters.size16.ninja_labels import BODIES, FACES, HEADS, ROLES, Roles
from aigc_assets.training.trainer import Run
from aigc_assets.types.oklab import to_oklab
from tests.training.ninja_sources import figure, write_ninja


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ninja")
    write_ninja(root)
    return root


@pytest.fixture(scope="module", autouse=True)
def thin():
    """Networks that take milliseconds."""
    with pytest.MonkeyPatch.context() as patch:
        config = functools.partial(
            SlotMixerConfig, widths=(32, 16, 16), item_channels=8, condition=16
        )
        for module in (tiny_people, tiny_creatures):
            patch.setattr(module, "SlotMixerConfig", config)
        yield


@pytest.fixture(scope="module")
def people(folder: Path) -> tiny_people.TinyPeopleTask:
    arrays, info = tiny_people.TinyPeopleTask.pack(folder)
    return tiny_people.TinyPeopleTask(arrays, info, Run("cpu", 1, 0, folder))


@pytest.fixture(scope="module")
def creatures(folder: Path) -> tiny_creatures.TinyCreaturesTask:
    arrays, info = tiny_creatures.TinyCreaturesTask.pack(folder)
    return tiny_creatures.TinyCreaturesTask(arrays, info, Run("cpu", 1, 0, folder))


def test_names_of_the_labels_belong_to_figures():
    assert set(HEADS) | set(BODIES) | set(FACES) <= set(ROLES)
    assert set(FACES) <= {name for name, head in HEADS.items() if head.open}
    names = {*ninja_creatures.FACES, *ninja_creatures.CRESTS, *ninja_creatures.OWN}
    assert names <= set(ninja_creatures.MONSTERS)


def test_a_colour_with_two_roles_means_head_above_and_body_below_the_neck():
    roles = Roles("ef914f", "d14b34", "", "d14b34")
    frame = figure("d14b34", "ef914f", "d14b34")
    slots = ninja_people.slots_of(np.repeat(frame[None], 25, 0), roles)[0]
    assert (slots[3:6, 3:13] == ninja_people.HAIR + 1).all()
    assert (slots[13:15, 3:13] == ninja_people.CLOTH + 1).all()
    assert (slots[7, 5:11] == ninja_people.SKIN + 1).all()
    assert slots[8, 6] == ninja_people.OUTLINE
    assert slots[15, 15] == 0


def test_a_head_on_its_own_body_is_the_figure_again(folder: Path):
    everyone = ninja_people.read_people(folder / tiny_people.SOURCE)
    layers = ninja_people.take_apart(everyone)
    both = [name for name in HEADS if name in BODIES]
    assert len(both) > 15
    for name in both:
        head, body = list(HEADS).index(name), list(BODIES).index(name)
        again = ninja_people.compose(layers, head, 0, body, 0)
        np.testing.assert_array_equal(again, everyone[name])


def test_a_face_shows_only_where_the_head_is_open(people: tiny_people.TinyPeopleTask):
    layers = people.layers
    for head in range(0, len(HEADS), 5):
        plain = ninja_people.compose(layers, head, 0, 3, 0)
        other = ninja_people.compose(layers, head, 2, 3, 0)
        changed = plain != other
        assert not (changed & (layers["open"][head] == 0)).any()


def test_a_scarf_lies_on_the_neck_alone(people: tiny_people.TinyPeopleTask):
    plain = ninja_people.compose(people.layers, 3, 0, 3, 0)
    scarf = ninja_people.compose(people.layers, 3, 0, 3, 1)
    rows = np.nonzero((plain != scarf).any((0, 2)))[0]
    assert set(rows) <= set(ninja_people.CUT)
    assert len(rows)


def test_held_out_people_are_never_trained_on(people: tiny_people.TinyPeopleTask):
    assert people.held_out(people.test).all()
    assert len(people.test) == 64
    pool = people.sample(2000, torch.Generator().manual_seed(5))
    share = float(people.held_out(pool).float().mean())
    assert 0.05 < share < 0.4
    seen = []
    paint = people.paint
    people.paint = lambda figures: seen.append(figures) or paint(figures)  # type: ignore[func-returns-value, method-assign]
    try:
        people.step(0.5)
    finally:
        people.paint = paint  # type: ignore[method-assign]
    assert len(seen) == 1
    assert not people.held_out(seen[0]).any()


def test_metrics_stand_beside_floor_and_baseline(people: tiny_people.TinyPeopleTask):
    metrics = people.evaluate()
    assert set(metrics) == {"slot_accuracy", "silhouette_iou"}
    for row in metrics.values():
        assert set(row) == {"model", "floor", "baseline"}
        assert row["floor"] == 1.0
        assert row["model"] < row["baseline"] < 1.0  # an untrained network is worse than copying


def blob(radius: float, *, ear: bool = False, eyes: bool = True) -> np.ndarray:
    """A round body on the ground, outlined, with two eyes and perhaps an ear of two pixels."""
    y, x = np.mgrid[:16, :16]
    frame = np.where(np.hypot(y - 9.5, x - 7.5) < radius, ninja_creatures.BODY + 1, 0)
    frame = frame.astype(np.uint8)
    if ear:
        frame[1:5, 7:9] = ninja_creatures.BODY
    frame[ninja_creatures._edge((frame > 0).astype(np.uint8))] = ninja_creatures.OUTLINE
    if eyes:
        frame[9, (5, 10)] = ninja_creatures.WHITE
    return frame


def test_an_unmixed_creature_is_itself():
    parts = ninja_creatures.take_apart(blob(6))
    np.testing.assert_array_equal(ninja_creatures.compose(parts, parts, 0.0, None, None), blob(6))


def test_between_two_bodies_lies_a_third_with_a_closed_outline():
    small, large = (ninja_creatures.take_apart(blob(r)) for r in (4, 6.4))
    areas = []
    for share in (0.0, 0.25, 0.5):
        drawn = ninja_creatures.compose(large, small, share, large, None)
        areas.append(int((drawn > 0).sum()))
        edge = ninja_creatures._edge((drawn > 0).astype(np.uint8))
        assert (drawn[edge] == ninja_creatures.OUTLINE).all()
        assert (drawn == ninja_creatures.WHITE).sum() == 2
    assert areas[0] > areas[1] > areas[2]


def test_eyes_and_ears_of_another_are_put_on():
    plain = ninja_creatures.take_apart(blob(5, eyes=False))
    eared = ninja_creatures.take_apart(blob(5, ear=True))
    drawn = ninja_creatures.compose(plain, plain, 0.0, eared, eared)
    assert (drawn == ninja_creatures.WHITE).sum() == 2
    assert drawn[3, 7] > 0
    assert not ninja_creatures.compose(plain, plain, 0.0, None, None)[3, 7]


def test_held_out_mixtures_are_never_trained_on(creatures: tiny_creatures.TinyCreaturesTask):
    assert len(creatures.test) == 96
    assert all(creatures.held_out(one) for one in creatures.test)
    assert all(one[0] != one[1] and one[2] > 0 for one in creatures.test)
    kinds = {one[0] < creatures.beasts for one in creatures.test}
    assert kinds == {True, False}
    for one in creatures.test:  # a monster is never mixed with an animal
        assert (one[0] < creatures.beasts) == (one[1] < creatures.beasts)


def test_left_out_monsters_are_in_no_part(creatures: tiny_creatures.TinyCreaturesTask):
    held = {name for name, hues in ninja_creatures.MONSTERS.items() if hues.held_out}
    assert held
    assert not held & {*tiny_creatures.BODIES, *ninja_creatures.FACES, *ninja_creatures.CRESTS}
    assert len(creatures.parts) == len(tiny_creatures.BODIES)


def test_a_missing_sheet_is_one_clear_error(tmp_path: Path):
    with pytest.raises(DataError, match="no sheet"):
        ninja_people.read_people(tmp_path)


def test_the_pose_decoder_has_no_colour_of_its_own():
    torch.manual_seed(0)
    network = checkpoint.build("poses16_decoder", "tiny").eval()
    source = torch.Generator().manual_seed(1)
    frame = torch.randint(0, 3, (6, 16, 16), generator=source) * 2  # colours 0, 2 and 4 of 7
    with torch.no_grad():
        log = network(frame, torch.rand(6, 7, 3, generator=source), torch.arange(6) % 3)
    assert set(log.argmax(1).unique().tolist()) <= {0, 2, 4}
    total = log.exp().sum(1)
    assert torch.allclose(total, torch.ones_like(total), atol=1e-3)


def test_the_order_of_colours_does_not_matter():
    torch.manual_seed(0)
    network = checkpoint.build("poses16_decoder", "tiny").eval()
    source = torch.Generator().manual_seed(1)
    frame = torch.randint(0, 4, (2, 16, 16), generator=source)
    colours = torch.rand(2, 4, 3, generator=source)
    order = torch.tensor([0, 3, 1, 2])
    turned = torch.argsort(order)[frame]
    pose = torch.tensor([0, 2])
    with torch.no_grad():
        one = network(frame, colours, pose)
        two = network(turned, colours[:, order], pose)
    assert torch.allclose(one[:, order], two, atol=1e-4)


def test_frames_are_judged_in_the_colours_of_the_front_view():
    front = np.array([[1, 2], [0, 2]], dtype=np.uint8)
    colours = np.zeros((tiny_poses.SLOTS, 3), dtype=np.float32)
    colours[1], colours[2], colours[3] = 0.0, 1.0, 0.9
    frame = np.array([[3, 3], [1, 0]], dtype=np.uint8)
    np.testing.assert_array_equal(
        tiny_poses.onto(frame, front, colours), np.array([[2, 2], [1, 0]])
    )


def test_real_people_are_judged_in_outlines_as_dark_as_drawn_ones(folder: Path) -> None:
    source = tiny_report.Source(*tiny_people.TinyPeopleTask.pack(folder))
    figures = source.sample(4, 1, held_out=False)
    darkest = int(to_oklab(source.palette)[:, 0].argmin())
    drawn = [frame[frame[..., 3] > 0][:, :3] for frame in (source.frames(f)[0] for f in figures)]
    assert len(drawn) == 4
    assert all((colours == source.palette[darkest]).all(1).mean() > 0.05 for colours in drawn)
