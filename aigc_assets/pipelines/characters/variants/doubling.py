"""Twice the size without a new colour: by the rule EPX, or by the network that learnt to.

References:
    Eric Johnston, EPX (1992), also known as Scale2x.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.pipelines.characters.variants.frames import (
    Picture,
    assembled,
    packed,
    pictures,
)
from aigc_assets.pipelines.made import load_model, one_thread
from aigc_assets.pipelines.palettes import to_oklab
from aigc_assets.types import SpriteSheet

MODEL = "sprite_upscaler"
_BATCH_PX = 65_536
"""Px of small pictures that the network doubles at once."""


def doubled_by_rule(sheet: SpriteSheet) -> SpriteSheet:
    """EPX: a quarter of a pixel takes the colour of two neighbours that agree across its corner."""
    different, numbers = pictures(sheet)
    drawn = [_colours(_epx(_codes(picture))) for picture in different]
    return assembled(sheet, [drawn[number] for number in numbers], 2)


def doubled(sheet: SpriteSheet) -> SpriteSheet:
    """By the network: every new pixel copies one of the nine around its source.

    A colour that a frame would lose keeps its pixels as squares of two by two.

    Raises:
        WeightsError: If the weights of the model are missing or altered.
    """
    different, numbers = pictures(sheet)
    drawn: list[Picture] = []
    for picture in different:
        drawn.append(np.zeros((2 * picture.shape[0], 2 * picture.shape[1], 4), np.uint8))
    for shape in sorted({picture.shape[:2] for picture in different}):
        members = [i for i, picture in enumerate(different) if picture.shape[:2] == shape]
        codes = np.stack([_codes(different[i]) for i in members])
        _, rows, columns = np.nonzero(codes)
        if len(rows) == 0:
            continue
        # Only what any frame covers: much of a frame is empty.
        top, left = int(rows.min()), int(columns.min())
        bottom, right = int(rows.max()) + 1, int(columns.max()) + 1
        codes = codes[:, top:bottom, left:right]
        step = max(1, _BATCH_PX // codes[0].size)
        large = np.concatenate(
            [_network(codes[start : start + step]) for start in range(0, len(codes), step)]
        )
        for i, whole, small in zip(members, large, codes, strict=True):
            picture = _colours(_with_all_colours(whole, small))
            drawn[i][2 * top : 2 * bottom, 2 * left : 2 * right] = picture
    return assembled(sheet, [drawn[number] for number in numbers], 2)


def _network(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Codes [B, H, W] to codes [B, 2H, 2W]."""
    import torch

    from aigc_assets.models.dynamic_upsampling import choose

    network: Any = load_model(MODEL).network
    reach = network.config.reach
    wide = np.pad(codes, ((0, 0), (reach, reach), (reach, reach)))
    rgb = np.stack([wide >> 16 & 255, wide >> 8 & 255, wide & 255], -1).astype(np.uint8)
    alpha = (wide > 0).astype(np.float32)[..., None]
    planes = np.concatenate([to_oklab(rgb).astype(np.float32) * alpha, alpha], -1)
    with one_thread(), torch.inference_mode():
        logits = network(torch.from_numpy(planes).permute(0, 3, 1, 2).contiguous())
        large = choose(logits, torch.from_numpy(wide)).numpy()
    result: NDArray[np.int64] = large[:, 2 * reach : -2 * reach, 2 * reach : -2 * reach]
    return result


def _with_all_colours(large: NDArray[np.int64], small: NDArray[np.int64]) -> NDArray[np.int64]:
    lost = np.setdiff1d(small, large)
    if len(lost) == 0:
        return large
    squares = small.repeat(2, axis=0).repeat(2, axis=1)
    return np.where(np.isin(squares, lost), squares, large)


def _epx(small: NDArray[np.int64]) -> NDArray[np.int64]:
    around = np.pad(small, 1)
    up, down = around[:-2, 1:-1], around[2:, 1:-1]
    left, right = around[1:-1, :-2], around[1:-1, 2:]
    edge = (up != down) & (left != right)
    large = small.repeat(2, axis=0).repeat(2, axis=1)
    large[::2, ::2] = np.where(edge & (up == left), up, small)
    large[::2, 1::2] = np.where(edge & (up == right), up, small)
    large[1::2, ::2] = np.where(edge & (down == left), down, small)
    large[1::2, 1::2] = np.where(edge & (down == right), down, small)
    return large


def _codes(picture: Picture) -> NDArray[np.int64]:
    """One number above 0 per colour, 0 where transparent."""
    return np.where(picture[..., 3] == 255, packed(picture[..., :3]) + (1 << 24), 0)


def _colours(codes: NDArray[np.int64]) -> Picture:
    parts = [codes >> 16 & 255, codes >> 8 & 255, codes & 255, np.where(codes > 0, 255, 0)]
    return np.stack(parts, -1).astype(np.uint8)
