"""From the JSON-able request of a node to that of its pipeline, and the pipeline's own checks.

Nothing here loads torch: a manifest is checked to the end before any work begins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aigc_assets.pipelines.characters import CharacterRequest
    from aigc_assets.pipelines.cutscenes import CutsceneRequest
    from aigc_assets.pipelines.dialogue import DialogueRequest
    from aigc_assets.pipelines.maps import MapRequest
    from aigc_assets.pipelines.sounds import SoundRequest


def map_request(request: Mapping[str, Any]) -> MapRequest:
    """The request of `aigc_assets.pipelines.maps`."""
    from aigc_assets.pipelines.maps import MapRequest

    size = (int(request["size"][0]), int(request["size"][1]))
    return MapRequest(
        request["theme"],
        size,
        tuple(request["require"]),
        request["generator"],
        tuple(request["pins"]),
        request["relief"],
    )


def character_request(request: Mapping[str, Any]) -> CharacterRequest:
    """The request of `aigc_assets.pipelines.characters`."""
    from aigc_assets.pipelines.characters import CharacterRequest, Reference

    like = request.get("like")
    return CharacterRequest(
        request["prompt"],
        request["animations"],
        request["size"],
        request.get("kind") or "",
        None if like is None else Reference.from_json(like),
        request.get("crowd") or 0,
        request.get("generator") or "auto",
    )


def sound_request(request: Mapping[str, Any]) -> SoundRequest:
    """The request of `aigc_assets.pipelines.sounds`."""
    from aigc_assets.pipelines.sounds import SoundRequest

    return SoundRequest(request["kind"], request["duration_ms"])


def dialogue_request(request: Mapping[str, Any]) -> DialogueRequest:
    """The request of `aigc_assets.pipelines.dialogue`."""
    from aigc_assets.pipelines.dialogue import DialogueRequest

    return DialogueRequest(
        id=request["id"],
        cast=tuple(request["cast"]),
        mood=request["mood"],
        lines=request["lines"],
        roles=dict(request["roles"]),
        texts=dict(request["texts"]),
    )


def cutscene_request(request: Mapping[str, Any]) -> CutsceneRequest:
    """The request of `aigc_assets.pipelines.cutscenes`."""
    from aigc_assets.pipelines.cutscenes import CutsceneRequest

    resolution = (int(request["resolution"][0]), int(request["resolution"][1]))
    return CutsceneRequest(
        map=request["map"],
        dialogue=request["dialogue"],
        sounds=dict(request["sounds"]),
        resolution=resolution,
        frame_rate=request["frame_rate"],
    )


def _check_character(request: Mapping[str, Any], seed: int) -> None:
    if "variant" in request:
        from aigc_assets.pipelines.characters.variants import check_variant

        check_variant(request["variant"])
    else:
        character_request(request)


def _check_sound(request: Mapping[str, Any], seed: int) -> None:
    from aigc_assets.pipelines.sounds import validate

    validate(sound_request(request))


def _check_dialogue(request: Mapping[str, Any], seed: int) -> None:
    from aigc_assets.errors import UsageError
    from aigc_assets.pipelines.dialogue import line_ids

    wanted = dialogue_request(request)
    if wanted.texts:
        known = line_ids(wanted, seed)
        stray = [line for line in wanted.texts if line not in known]
        if stray:
            raise UsageError(
                f"there is no line {stray[0]}",
                where="text",
                remedy=f"lines of this dialogue: {', '.join(known)}",
            )


def _check_cutscene(request: Mapping[str, Any], seed: int) -> None:
    from aigc_assets.pipelines.cutscenes import check_resolution

    check_resolution(cutscene_request(request).resolution)


def check_actor(name: str, request: Mapping[str, Any]) -> None:
    """Check that a character can play in a cutscene.

    Raises:
        UsageError: If it cannot.
    """
    from aigc_assets.errors import UsageError
    from aigc_assets.pipelines.cutscenes.composition import STANDS, WALKS

    actor = character_request(request)
    what = f"a {actor.kind} of {actor.size} px"
    if actor.crowd or STANDS not in actor.tier.animations:
        raise UsageError(
            f"{name!r} is {'a crowd' if actor.crowd else what}, which cannot act",
            where="dialogue",
            remedy="give its lines to a single person, monster or animal",
        )
    needed = [action for action in (STANDS, WALKS) if action in actor.tier.animations]
    missing = [action for action in needed if action not in actor.animations]
    if missing:
        raise UsageError(
            f"the speaker {name!r} has no animation {missing[0]!r}",
            where="dialogue",
            remedy=f"{what} acts with the animations: {', '.join(needed)}",
        )


_CHECKS: dict[str, Callable[[Mapping[str, Any], int], object]] = {
    "map": lambda request, seed: map_request(request),
    "terrain": lambda request, seed: map_request(request),
    "character": _check_character,
    "sound": _check_sound,
    "dialogue": _check_dialogue,
    "cutscene": _check_cutscene,
}


def check_request(kind: str, request: Mapping[str, Any], seed: int) -> None:
    """Ask the pipeline of a kind whether it can serve a request, without serving it.

    Raises:
        UsageError: If it cannot; ``where`` names the key.
    """
    _CHECKS[kind](request, seed)
