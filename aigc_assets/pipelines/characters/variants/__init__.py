"""What can be made of a finished character sheet, without another drawing.

`VARIANTS` names everything; `make_variant` makes one and says where it came from.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import UsageError
from aigc_assets.pipelines.made import Made, load_model, provenance
from aigc_assets.types import Provenance, SpriteSheet

__all__ = ["DATA", "VARIANTS", "check_variant", "make_variant", "variant_sheet"]

_TEAM_NAMES = (
    "red", "orange", "yellow", "green", "teal", "blue", "purple", "pink", "white", "black",
)  # fmt: skip

VARIANTS: Mapping[str, str] = {
    # name: what it is, for people and for provenance
    **{f"team_{name}": f"clothes in {name}, shade for shade" for name in _TEAM_NAMES},
    "damage": "a flash in reds for the moment of a hit",
    "freeze": "the figure in ice",
    "2x": "twice the size, by a network that copies neighbouring pixels",
    "2x_epx": "twice the size, by the rule EPX",
    "normal": "normal map, +Y (OpenGL), linear data",
    "normal_dx": "normal map, -Y (DirectX), linear data",
    "emission": "what the prompt says glows: fire, frost, magic, gems, tips of staffs, eyes",
    "portrait": "head and shoulders",
    "shadow": "the shadow on the ground, to lie under the figure",
}
DATA = ("normal", "normal_dx")
"""Variants whose pixels are numbers, not colours: no palette binds them."""
LEARNT = ("2x",)
"""Variants that a network draws."""


def variant_sheet(
    sheet: SpriteSheet,
    name: str,
    palette: NDArray[np.uint8] | None = None,
    words: tuple[str, ...] = (),
) -> SpriteSheet:
    """A variant of a sheet.

    Args:
        sheet: The sheet.
        name: One of `VARIANTS`.
        palette: Colours that new ones are taken from, [N, 3]; any colours without it.
        words: Of the prompt; they say what glows.

    Raises:
        UsageError: If there is no such variant, or no portrait because the figure is empty.
        WeightsError: If the weights of the network that doubles are missing or altered.
    """
    from aigc_assets.pipelines.characters.variants import crops, doubling, light_maps, recolour

    check_variant(name)
    if name.startswith("team_"):
        return recolour.team_colours(sheet, name.removeprefix("team_"), palette)
    if name == "damage":
        return recolour.damaged(sheet, palette)
    if name == "freeze":
        return recolour.frozen(sheet, palette)
    if name == "2x":
        return doubling.doubled(sheet)
    if name == "2x_epx":
        return doubling.doubled_by_rule(sheet)
    if name == "emission":
        return light_maps.emission(sheet, words)
    if name == "portrait":
        return crops.portrait(sheet)
    if name == "shadow":
        return crops.shadow(sheet)
    return light_maps.normal_sheet(sheet, green_down=name == "normal_dx")


def make_variant(
    sheet: SpriteSheet, name: str, of: str, prompt: str, palette: NDArray[np.uint8], seed: int
) -> Made:
    """`variant_sheet` with its provenance.

    Args:
        sheet: The sheet.
        name: One of `VARIANTS`.
        of: Id of the asset that the sheet is.
        prompt: What the sheet was drawn after.
        palette: Of the pack, [N, 3].
        seed: Of the sheet.

    Raises:
        UsageError: As `variant_sheet`.
        WeightsError: As `variant_sheet`.
    """
    made = variant_sheet(sheet, name, palette, tuple(prompt.split()))
    request = {"variant": name, "of": of, "prompt": prompt}
    operations = (f"{name}: {VARIANTS[name]}",)
    notes: tuple[str, ...] = ()
    if not made.image[..., 3].any():
        notes = (f"nothing to see in the variant {name}",)
    elif np.array_equal(made.image, sheet.image):
        notes = (f"the variant {name} changes nothing",)
    if name in LEARNT:
        from aigc_assets.pipelines.characters.variants.doubling import MODEL

        return Made(made, provenance(load_model(MODEL), seed, request, operations, notes))
    entry = Provenance(
        "character", "composition", "", seed, request, operations=operations, notes=notes
    )
    return Made(made, entry)


def check_variant(name: str) -> None:
    """Check a name without making anything.

    Raises:
        UsageError: If there is no such variant.
    """
    if name not in VARIANTS:
        offer = ", ".join(VARIANTS)
        raise UsageError(f"no variant {name!r}", where="variants", remedy=f"one of: {offer}")
