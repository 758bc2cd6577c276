"""Stages without networks, for tests of the engine: fast, seeded, and able to misbehave."""

from __future__ import annotations

import dataclasses
import os
import signal
import time

import numpy as np

from aigc_assets.build import stages
from aigc_assets.errors import GenerationError
from aigc_assets.pipelines.made import Made, generator
from aigc_assets.types import Provenance
from tests import samples


def _made(asset, kind, seed, request):
    unknown = ("unknown word: zorg",) if "zorg" in request.get("prompt", "") else ()
    record = Provenance(
        kind, "composition", "", seed, {"theme": str(request)}, ("CC0-1.0",), notes=unknown
    )
    return Made(asset, record)


def _misbehave() -> None:
    what = os.environ.get("SMALL_STAGES", "")
    if what.startswith("sleep"):
        time.sleep(float(what[5:]))
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "refuse":
        raise GenerationError("no such thing can be made", where="theme", remedy="ask for less")
    if what == "bug":
        raise ZeroDivisionError("a bug\nin two lines")
    if what == "print":
        print("a library that prints", flush=True)
        os.write(1, b"straight to the descriptor\n")


def make_map(request, palette, seed, assets):
    _misbehave()
    tilemap = samples.tilemap()
    image = np.array(tilemap.tilesets[0].image)
    image[8, 8, :3] = palette[seed % len(palette)]
    tileset = dataclasses.replace(tilemap.tilesets[0], image=image)
    return _made(dataclasses.replace(tilemap, tilesets=(tileset,)), "map", seed, request)


def make_character(request, palette, seed, assets):
    if "variant" in request:
        return stages.make_character(request, palette, seed, assets)
    sheet = samples.sheet()
    image = np.zeros_like(sheet.image)
    for index in range(3):
        image[(sheet.image[..., :3] == samples.PALETTE[index + 3]).all(-1)] = [
            *palette[(seed + index) % len(palette)],
            255,
        ]
    return _made(
        dataclasses.replace(sheet, image=image, palette=np.array(palette)),
        "character",
        seed,
        request,
    )


def make_sound(request, palette, seed, assets):
    pitch = float(generator(seed).integers(200, 900))
    return _made(samples.sound(pitch), "sound", seed, request)


def make_dialogue(request, palette, seed, assets):
    tree = samples.dialogue(request["id"])
    cast = request["cast"]
    nodes = tuple(
        dataclasses.replace(
            node,
            speaker=cast[i % len(cast)],
            text=request["texts"].get(node.id, f"{node.text} ({seed % 97})"),
        )
        for i, node in enumerate(tree.nodes)
    )
    return _made(dataclasses.replace(tree, nodes=nodes), "dialogue", seed, request)


def make_cutscene(request, palette, seed, assets):
    scene = samples.timeline()
    first = assets[request["dialogue"]].nodes[0]
    names = {"keep": request["map"], "gate": request["dialogue"], "coin": min(request["sounds"])}
    names["mira"] = first.speaker
    tracks = []
    for track in scene.tracks:
        clips = []
        for clip in track.clips:
            properties = dict(clip.properties)
            if track.kind == "subtitle":
                properties |= {"node": first.id, "speaker": first.speaker, "text": first.text}
            if "cue" in properties:
                properties["cue"] = first.id
            asset = names.get(clip.asset, clip.asset)
            clips.append(dataclasses.replace(clip, asset=asset, properties=properties))
        tracks.append(dataclasses.replace(track, clips=tuple(clips)))
    return _made(dataclasses.replace(scene, tracks=tuple(tracks)), "cutscene", seed, request)


STAGES = {
    kind: f"tests.build.small_stages:make_{kind}"
    for kind in ("map", "character", "sound", "dialogue", "cutscene")
}
