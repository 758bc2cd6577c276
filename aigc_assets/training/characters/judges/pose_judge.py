"""Tells which action an animation shows and where the figure looks, from real animations only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aigc_assets.training.characters.judges.judge_network import JudgeNetwork, enlarged, fit_network
from aigc_assets.types.sprite import DIRECTIONS

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)

_LOOPS = ("idle", "walk", "run")


class Clip(NamedTuple):
    """An animation and what it is: frames [F, S, S, 4], action, direction."""

    frames: NDArray[np.uint8]
    action: str
    direction: str


class PoseJudge:
    """A small classifier of frames, whose answers over a whole animation are added up.

    Each frame comes with the first one of its animation; colours do not count, only outline and
    lightness.

    Args:
        clips: Real animations of training figures.
        actions: Names of the actions, in the order of the answers.
        steps: Of 64 frames each.
        seed: Of weights and batches.
    """

    def __init__(
        self, clips: Sequence[Clip], actions: Sequence[str], *, steps: int = 300, seed: int = 0
    ):
        self.actions = tuple(actions)
        random = np.random.Generator(np.random.Philox(seed))
        frames = torch.cat([_tensor(_begun_anywhere(clip, random)) for clip in clips])
        labels = [
            [self.actions.index(clip.action), DIRECTIONS.index(clip.direction)]
            for clip in clips
            for _ in clip.frames
        ]
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # so that the figures do not depend on threads
        try:
            with torch.random.fork_rng():
                torch.manual_seed(seed)
                questions = (len(self.actions), len(DIRECTIONS))
                self.network = JudgeNetwork(frames.shape[2], questions, fine=False)
            fit_network(self.network, frames, torch.tensor(labels), steps=steps, shares=(1, 1),
                        seed=seed, flip=False)  # fmt: skip
        finally:
            torch.set_num_threads(threads)

    def classify(self, clips: Sequence[NDArray[np.uint8]]) -> NDArray[np.int64]:
        """Action and direction of animations [F, S, S, 4], as numbers, [N, 2]."""
        found = []
        with torch.inference_mode():
            for frames in clips:
                logits = self.network(_tensor(frames))
                found.append([int(out.log_softmax(1).sum(0).argmax()) for out in logits])
        return np.array(found, dtype=np.int64).reshape(-1, 2)

    def recognised(self, clips: Sequence[Clip]) -> dict[str, float]:
        """Share of animations whose action, and whose direction, is recognised, 0..1."""
        found = self.classify([clip.frames for clip in clips])
        wanted = np.array(
            [[self.actions.index(c.action), DIRECTIONS.index(c.direction)] for c in clips]
        )
        right = (found == wanted).mean(axis=0)
        return {"action": float(right[0]), "direction": float(right[1])}


def _begun_anywhere(clip: Clip, random: np.random.Generator) -> NDArray[np.uint8]:
    """Frames of an animation; a loop has no first frame and begins with any of them."""
    if clip.action not in _LOOPS:
        return clip.frames
    return np.roll(clip.frames, int(random.integers(len(clip.frames))), 0)


def _tensor(frames: NDArray[np.uint8]) -> Tensor:
    """Outline and lightness of each frame and of the first one, [F, 4, S, S] in 0..1."""
    drawn = (frames[..., 3] > 0).astype(np.float32)
    light = frames[..., :3].astype(np.float32) @ _LUMA / 255 * drawn
    pair = np.stack([drawn, light], 1)
    first = np.broadcast_to(pair[:1], pair.shape)
    return enlarged(torch.from_numpy(np.concatenate([pair, first], 1)))
