"""Cutscenes: a map, its characters, a dialogue and sounds, staged as an edited scene.

No network takes part: everything that is seen and heard was already made for the pack, so the scene
shows exactly the assets that the game uses. What is decided here: where the actors meet, how they
get there, which branch of the dialogue they speak, where the camera looks, and what sounds when.
"""

from __future__ import annotations

from aigc_assets.pipelines.cutscenes.composition import (
    CutsceneRequest,
    check_resolution,
    compose_cutscene,
)

__all__ = ["CutsceneRequest", "check_resolution", "compose_cutscene"]
