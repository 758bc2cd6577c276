"""Godot 3 characters: SpriteFrames, and a scene with an AnimatedSprite that stands on its pivot.

Godot 3 has one rate per animation and no durations: a frame that is shown for longer stands in
the list more than once.

References:
    Godot 3.5 sources: ``sprite_frames.cpp`` (``_set_animations``), ``animated_sprite.cpp``,
    ``texture.cpp`` (``AtlasTexture``).
"""

from __future__ import annotations

from aigc_assets.exporters.animation import animations, frame_unit, loops, playing_order
from aigc_assets.exporters.godot_text import literal, quote
from aigc_assets.exporters.names import encode
from aigc_assets.exporters.png import encode_png
from aigc_assets.types import SpriteSheet, Tag

_LONGEST = 512
"""Entries that the list of one animation may have because of unequal durations."""


def export_frames3(asset: SpriteSheet, name: str) -> dict[str, bytes]:
    """Write ``<name>_godot3.tscn``, ``<name>_godot3_frames.tres`` and ``<name>.png``.

    Animations loop, except those whose action is a single act, such as ``attack``.

    Args:
        asset: The sheet.
        name: File name without suffix.
    """
    return {
        f"{name}_godot3.tscn": encode(_scene(asset, name)),
        f"{name}_godot3_frames.tres": encode(_resource(asset, name)),
        f"{name}.png": encode_png(asset.image),
    }


def _resource(sheet: SpriteSheet, name: str) -> str:
    count = len(sheet.frames)
    lines = [
        f'[gd_resource type="SpriteFrames" load_steps={count + 2} format=2]',
        "",
        f'[ext_resource path="{name}.png" type="Texture" id=1]',
        "",
    ]
    for index, frame in enumerate(sheet.frames, 1):
        x, y, w, h = frame.rect
        lines += [
            f'[sub_resource type="AtlasTexture" id={index}]',
            "flags = 0",
            "atlas = ExtResource( 1 )",
            f"region = Rect2( {x}, {y}, {w}, {h} )",
            "",
        ]
    played = ", ".join(_animation(sheet, tag) for tag in animations(sheet))
    return "\n".join([*lines, "[resource]", f"animations = [ {played} ]", ""])


def _animation(sheet: SpriteSheet, tag: Tag) -> str:
    order = playing_order(tag)
    durations = [int(sheet.frames[i].duration_ms) for i in order]
    # Odd durations have a tiny unit: a list of thousands of entries is worse than a rounded time.
    unit = max(frame_unit(sheet, order), -(-sum(durations) // _LONGEST))
    times = [max(1, round(ms / unit)) for ms in durations]
    shown = [i for i, count in zip(order, times, strict=True) for _ in range(count)]
    frames = ", ".join(f"SubResource( {index + 1} )" for index in shown)
    return (
        f'{{\n"frames": [ {frames} ],\n"loop": {literal(loops(tag))},\n'
        f'"name": {quote(tag.name)},\n"speed": {literal(1000 / unit)}\n}}'
    )


def _scene(sheet: SpriteSheet, name: str) -> str:
    first = animations(sheet)[0]
    x, y = sheet.frames[first.start].pivot
    return "\n".join(
        [
            "[gd_scene load_steps=2 format=2]",
            "",
            f'[ext_resource path="{name}_godot3_frames.tres" type="SpriteFrames" id=1]',
            "",
            f'[node name="{name}" type="AnimatedSprite"]'.replace(".", "_"),
            "frames = ExtResource( 1 )",
            f"animation = {quote(first.name)}",
            "playing = true",
            "centered = false",
            f"offset = Vector2( {-int(x)}, {-int(y)} )",
            "",
        ]
    )
