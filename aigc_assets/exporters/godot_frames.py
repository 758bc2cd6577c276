"""Godot 4 characters: SpriteFrames, and a scene with an AnimatedSprite2D that stands on its pivot.

References:
    Godot 4.3 sources: ``sprite_frames.cpp`` (``_set_animations``), ``animated_sprite_2d.cpp``.
"""

from __future__ import annotations

from aigc_assets.exporters.animation import animations, frame_unit, loops, playing_order
from aigc_assets.exporters.godot_text import literal, quote, uid
from aigc_assets.exporters.names import encode
from aigc_assets.exporters.png import encode_png
from aigc_assets.types import AssetPack, SpriteSheet, Tag


def export_frames(asset: SpriteSheet, name: str, pack: AssetPack | None = None) -> dict[str, bytes]:
    """Write ``<name>.tscn``, ``<name>_frames.tres`` and ``<name>.png``.

    Playing orders other than forward are written out frame by frame. Animations loop, except those
    whose action is a single act, such as ``attack``.

    Args:
        asset: The sheet.
        name: File name without suffix.
        pack: The pack that is exported, if there is one; its name enters the uids of the files.
    """
    scope = (pack.name, name) if pack else (name,)
    return {
        f"{name}.tscn": encode(_scene(asset, name, scope)),
        f"{name}_frames.tres": encode(_resource(asset, name, scope)),
        f"{name}.png": encode_png(asset.image),
    }


def _resource(sheet: SpriteSheet, name: str, scope: tuple[str, ...]) -> str:
    count = len(sheet.frames)
    file_uid = uid(*scope, f"{name}_frames.tres")
    lines = [
        f'[gd_resource type="SpriteFrames" load_steps={count + 2} format=3 uid="{file_uid}"]',
        "",
        f'[ext_resource type="Texture2D" path="{name}.png" id="1_sheet"]',
        "",
    ]
    for index, frame in enumerate(sheet.frames):
        x, y, w, h = frame.rect
        lines += [
            f'[sub_resource type="AtlasTexture" id="AtlasTexture_{index}"]',
            'atlas = ExtResource("1_sheet")',
            f"region = Rect2({x}, {y}, {w}, {h})",
            "",
        ]
    played = ", ".join(_animation(sheet, tag) for tag in animations(sheet))
    return "\n".join([*lines, "[resource]", f"animations = [{played}]", ""])


def _animation(sheet: SpriteSheet, tag: Tag) -> str:
    order = playing_order(tag)
    unit = frame_unit(sheet, order)
    frames = ", ".join(
        f'{{\n"duration": {literal(int(sheet.frames[index].duration_ms) / unit)},\n'
        f'"texture": SubResource("AtlasTexture_{index}")\n}}'
        for index in order
    )
    return (
        f'{{\n"frames": [{frames}],\n"loop": {literal(loops(tag))},\n'
        f'"name": {quote(tag.name)},\n"speed": {literal(1000 / unit)}\n}}'
    )


def _scene(sheet: SpriteSheet, name: str, scope: tuple[str, ...]) -> str:
    first = sheet.tags[0].name if sheet.tags else "default"
    x, y = sheet.frames[sheet.tags[0].start if sheet.tags else 0].pivot
    return "\n".join(
        [
            f'[gd_scene load_steps=2 format=3 uid="{uid(*scope, f"{name}.tscn")}"]',
            "",
            f'[ext_resource type="SpriteFrames" uid="{uid(*scope, f"{name}_frames.tres")}"'
            f' path="{name}_frames.tres" id="1_frames"]',
            "",
            f'[node name="{name}" type="AnimatedSprite2D"]'.replace(".", "_"),
            "texture_filter = 1",
            'sprite_frames = ExtResource("1_frames")',
            f"animation = {quote(first)}",
            f"autoplay = {quote(first)}",
            "centered = false",
            f"offset = Vector2({-int(x)}, {-int(y)})",
            "",
        ]
    )
