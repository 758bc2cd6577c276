"""From a problem and its controls to a content."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import GenerationError, UsageError
from aigc_assets.pipelines.made import derive_seed, generator
from aigc_assets.pipelines.maps.benchmark_rules import binary, isaac, mdungeons, sokoban, zelda
from aigc_assets.pipelines.maps.benchmark_rules.rules import NoContent

AnyContent = NDArray[np.int64] | dict[str, object]
"""Cells [H, W], or for ``isaac`` a dictionary."""


class Preset(NamedTuple):
    """A rule set: size in cells (``isaac``: rooms), ranges of its controls, both ends included.

    ``generate`` takes the controls, a generator and a slot; contents of slots in a row are spread
    over what there is, as far as the problem allows.
    """

    size: tuple[int, int]
    controls: Mapping[str, tuple[int, int]]
    generate: Callable[[Mapping[str, int], np.random.Generator, int], AnyContent]


PRESETS: dict[str, Preset] = {
    name: Preset((module.WIDTH, module.HEIGHT), module.CONTROLS, module.generate)
    for name, module in (
        ("binary", binary),
        ("zelda", zelda),
        ("sokoban", sokoban),
        ("isaac", isaac),
        ("mdungeons", mdungeons),
    )
}


def preset_of(problem: str) -> tuple[str, Preset]:
    """Name and preset; a version suffix as in ``zelda-v0`` is allowed.

    Raises:
        UsageError: If there is no such preset.
    """
    name = str(problem).removesuffix("-v0")
    if name not in PRESETS:
        known = ", ".join(PRESETS)
        raise UsageError(f"unknown preset {problem!r}", where="preset", remedy=known)
    return name, PRESETS[name]


def complete(problem: str, control: Mapping[str, int] | None, seed: int) -> dict[str, int]:
    """The controls; what is not given is drawn by ``seed``.

    Raises:
        UsageError: If a control is unknown or out of its range.
    """
    name, preset = preset_of(problem)
    random = generator(derive_seed(seed, "control", name))
    found = {
        key: int(random.integers(low, high + 1)) for key, (low, high) in preset.controls.items()
    }
    for key, value in (control or {}).items():
        if key not in found:
            known = ", ".join(found)
            raise UsageError(f"{name} has no control {key!r}", where="control", remedy=known)
        low, high = preset.controls[key]
        if not low <= int(value) <= high:
            raise UsageError(f"{key} is {value}", where="control", remedy=f"{low}..{high}")
        found[key] = int(value)
    return found


def generate_for_benchmark(
    problem: str, control: Mapping[str, int] | None = None, seed: int = 0
) -> AnyContent:
    """Make one content of a problem.

    Args:
        problem: One of `PRESETS`.
        control: Values of its controls; None draws them by the seed.
        seed: Non-negative; the same arguments give the same content.

    Returns:
        Cells [H, W] int64 in the problem's code; for ``isaac`` a dictionary.

    Raises:
        UsageError: If the problem or a control is unknown, or a value out of range.
        GenerationError: If no attempt could fulfil the controls.
    """
    name, preset = preset_of(problem)
    wanted = complete(problem, control, seed)
    try:
        return preset.generate(wanted, generator(derive_seed(seed, "content", name)), seed)
    except NoContent as reason:
        raise GenerationError(
            f"found no {name} content with {reason}",
            where="control",
            remedy="ask for less, or use another seed",
        ) from reason
