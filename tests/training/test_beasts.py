"""16 px creatures of one view: slots, chimeras, what training never sees."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

from aigc_assets.errors import DataError
from aigc_assets.models.slot_mixer import SlotMixerConfig
from aigc_assets.training.characters.size16 import beast_labels, beasts, tiny_beasts
from aigc_assets.training.characters.size16.ninja_creatures import BODY, MARK, OUTLINE, _edge
from aigc_assets.training.trainer import Run
from tests.training.dawn_sources import beast, write_dawn

SIDE, FRONT = (beast_labels.FAMILIES[name] for name in ("quadruped", "humanoid"))


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> tiny_beasts.TinyBeastsTask:
    root = tmp_path_factory.mktemp("dawn")
    write_dawn(root)
    arrays, info = tiny_beasts.TinyBeastsTask.pack(root)
    with pytest.MonkeyPatch.context() as patch:
        config = functools.partial(
            SlotMixerConfig, widths=(32, 16, 16), item_channels=8, condition=16
        )
        patch.setattr(tiny_beasts, "SlotMixerConfig", config)
        return tiny_beasts.TinyBeastsTask(arrays, info, Run("cpu", 1, 0, root))


def drawn(body: int, left: int, right: int, *, top: int = 5) -> np.ndarray:
    """A box of one slot with legs and an eye, [16, 16]."""
    frame = np.zeros((16, 16), dtype=np.uint8)
    frame[top:15, left:right] = body
    frame[15, [left + 1, right - 2]] = body
    frame[_edge((frame > 0).astype(np.uint8))] = OUTLINE
    frame[top + 2, left + 3] = OUTLINE
    return frame


def test_labels_are_unlike_and_name_families():
    every = beast_labels.beasts()
    assert len(every) > 200
    assert len({one.name for one in every.values()}) == len(every)
    assert {one.family for one in every.values()} == set(beast_labels.FAMILIES)
    assert all(label.split()[0] == one.words.split()[0] for label, one in every.items())
    for family in beast_labels.FAMILIES:
        trained = [o for o in every.values() if o.family == family and not o.held_out]
        assert len(trained) >= 3, "a chimera needs kin"


def test_two_hues_become_body_and_mark_in_a_closed_outline():
    slots = beasts.slots_of(beast(1))
    assert {BODY + 1, MARK + 1, OUTLINE} <= set(np.unique(slots))
    for frame in slots:
        edge = _edge((frame > 0).astype(np.uint8))
        assert (frame[edge] == OUTLINE).all()
    pale = beast(1)
    pale[..., :3] = np.where(pale[..., 3:] > 0, 240, 0)
    assert (beasts.slots_of(pale)[0] > 0).sum() >= (slots[0] > 0).sum(), "an outline is put around"


def test_a_creature_alone_stays_as_it_is():
    one = beasts.apart(drawn(BODY, 2, 14), "side")
    assert one.eyes.any()
    np.testing.assert_array_equal(beasts.chimera(one, one, one, 0.0, SIDE), one.frame)


def test_a_chimera_has_the_head_of_one_and_the_back_of_the_other():
    fore, hind = (beasts.apart(drawn(slot, 2, 14, top=top), "side")
                  for slot, top in ((BODY, 5), (MARK, 7)))  # fmt: skip
    made = beasts.chimera(fore, hind, fore, 0.0, SIDE)
    np.testing.assert_array_equal(made[:, :6], fore.frame[:, :6])
    assert set(np.unique(made[:, 11:])) == {0, OUTLINE, MARK}
    assert not made[5, 10:].any(), "the back is as low as that of the other"
    edge = _edge((made > 0).astype(np.uint8))
    assert (made[edge] == OUTLINE).all()


def test_a_third_creature_draws_the_outline_towards_itself():
    small, large = (beasts.apart(drawn(BODY, a, b), "front") for a, b in ((5, 11), (1, 15)))
    sizes = [(beasts.chimera(small, small, large, share, FRONT) > 0).sum() for share in (0.0, 0.4)]
    assert (small.frame > 0).sum() == sizes[0] < sizes[1] < (large.frame > 0).sum()


def test_what_training_never_sees_is_in_no_item(task: tiny_beasts.TinyBeastsTask):
    every = beast_labels.beasts()
    held = {label for label, one in every.items() if one.held_out}
    assert held == set(task.info["held_out"])
    assert not held & set(task.bodies)
    assert task.config.items == (len(every) - len(held),) * 2


def test_held_out_pairs_are_judged_on_and_never_trained_on(
    task: tiny_beasts.TinyBeastsTask, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tiny_beasts, "POOL", 200)
    monkeypatch.setattr(task, "pool", [])
    task._compose_pool()
    assert len(task.pool) == len(task.targets) == 200
    assert not any(tiny_beasts.held_out(one) for one in task.pool)
    assert len(task.test) == 128
    assert all(tiny_beasts.held_out(one) for one in task.test)
    families = task.families
    assert all(families[one[0]] == families[one[1]] == families[one[2]] for one in task.pool)


def test_eyes_in_the_card_are_pixels_of_the_frame(task: tiny_beasts.TinyBeastsTask):
    eyes = task.info["vocabulary"]["eyes"]
    for label, pair in zip(task.bodies, task.parts, strict=True):
        for y, x, slot in eyes[label]:
            assert pair[0].frame[y, x] == slot
    assert all(eyes[label] for label in task.bodies)


def test_a_creature_that_is_not_there_is_named(tmp_path: Path):
    write_dawn(tmp_path)
    wanted = {"unicorn": beast_labels.Beast("brown mule", "mule", "quadruped", False)}
    with pytest.raises(DataError, match="brown mule"):
        beasts.read_beasts(tmp_path / "sprites" / "packed", wanted)
    with pytest.raises(DataError, match="no creatures"):
        beasts.read_beasts(tmp_path, beast_labels.beasts())
