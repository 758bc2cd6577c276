"""Unity: the picture and its ``.meta``, so that sprites are cut, named and pivoted on import.

Ids depend on the names of pack, asset and sprite alone: a new export keeps every reference that a
scene or an animation clip holds. Where a ``.meta`` lies already, its ids count: see `keep_ids`.
Unity counts rectangles and pivots from the bottom left.

References:
    Unity 2021.3 manual, "Texture Import Settings"; UnityCsReference: ``TextureImporter``,
    ``SpriteRect`` (``spriteID``, ``internalID``), class id 213 is Sprite.
"""

from __future__ import annotations

import hashlib
import json
import re

from aigc_assets.exporters.animation import frame_names
from aigc_assets.exporters.names import encode
from aigc_assets.exporters.png import encode_png
from aigc_assets.types import AssetPack, SpriteSheet

_CLASS = 213
_LARGEST = 16_384  # px, the largest texture Unity imports

_FOLDER = """fileFormatVersion: 2
guid: {guid}
folderAsset: yes
DefaultImporter:
  externalObjects: {{}}
  userData:
  assetBundleName:
  assetBundleVariant:
"""

_HEAD = """fileFormatVersion: 2
guid: {guid}
TextureImporter:
  internalIDToNameTable:
{ids}
  externalObjects: {{}}
  serializedVersion: 12
  mipmaps:
    mipMapMode: 0
    enableMipMap: 0
    sRGBTexture: {srgb}
    linearTexture: 0
    fadeOut: 0
    borderMipMap: 0
    mipMapsPreserveCoverage: 0
    alphaTestReferenceValue: 0.5
    mipMapFadeDistanceStart: 1
    mipMapFadeDistanceEnd: 3
  bumpmap:
    convertToNormalMap: 0
    externalNormalMap: 0
    heightScale: 0.25
    normalMapFilter: 0
  isReadable: 0
  streamingMipmaps: 0
  streamingMipmapsPriority: 0
  vTOnly: 0
  ignoreMasterTextureLimit: 0
  grayScaleToAlpha: 0
  generateCubemap: 6
  cubemapConvolution: 0
  seamlessCubemap: 0
  textureFormat: 1
  maxTextureSize: {largest}
  textureSettings:
    serializedVersion: 2
    filterMode: 0
    aniso: 1
    mipBias: 0
    wrapU: 1
    wrapV: 1
    wrapW: 1
  nPOTScale: 0
  lightmap: 0
  compressionQuality: 50
  spriteMode: 2
  spriteExtrude: 1
  spriteMeshType: 0
  alignment: 9
  spritePivot: {{x: 0.5, y: 0}}
  spritePixelsToUnits: {units}
  spriteBorder: {{x: 0, y: 0, z: 0, w: 0}}
  spriteGenerateFallbackPhysicsShape: 1
  alphaUsage: 1
  alphaIsTransparency: {transparency}
  spriteTessellationDetail: -1
  textureType: 8
  textureShape: 1
  singleChannelComponent: 0
  flipbookRows: 1
  flipbookColumns: 1
  maxTextureSizeSet: 0
  compressionQualitySet: 0
  textureFormatSet: 0
  ignorePngGamma: 0
  applyGammaDecoding: 0
  platformSettings:
  - serializedVersion: 3
    buildTarget: DefaultTexturePlatform
    maxTextureSize: {largest}
    resizeAlgorithm: 0
    textureFormat: -1
    textureCompression: 0
    compressionQuality: 50
    crunchedCompression: 0
    allowsAlphaSplitting: 0
    overridden: 0
    androidETC2FallbackOverride: 0
    forceMaximumCompressionQuality_BC6H_BC7: 0
  spriteSheet:
    serializedVersion: 2
    sprites:
{sprites}
    outline: []
    physicsShape: []
    bones: []
    spriteID: {sheet}
    internalID: 0
    vertices: []
    indices:
    edges: []
    weights: []
    secondaryTextures: []
    nameFileIdTable:
{names}
  spritePackingTag:
  pSDRemoveMatte: 0
  pSDShowRemoveMatteOption: 0
  userData:
  assetBundleName:
  assetBundleVariant:
"""

_ONE = """    - serializedVersion: 2
      name: {name}
      rect:
        serializedVersion: 2
        x: {x}
        y: {y}
        width: {w}
        height: {h}
      alignment: 9
      pivot: {{x: {px}, y: {py}}}
      border: {{x: 0, y: 0, z: 0, w: 0}}
      outline: []
      physicsShape: []
      tessellationDetail: 0
      bones: []
      spriteID: {sprite}
      internalID: {number}
      vertices: []
      indices:
      edges: []
      weights: []"""


def export_unity(asset: SpriteSheet, name: str, pack: AssetPack | None = None) -> dict[str, bytes]:
    """Write ``<name>.png`` and ``<name>.png.meta``.

    One unit of the scene is as high as the first frame. The texture is neither scaled, compressed
    nor filtered. A sheet that its provenance calls a normal map is imported as linear data.

    Args:
        asset: The sheet.
        name: File name without suffix; sprites are called ``<name>_<tag>_<number>``.
        pack: The pack that is exported, if there is one; its name enters the ids.

    Raises:
        UsageError: If two sprites would get the same name.
    """
    scope = (pack.name, name) if pack else (name,)
    height, width = asset.image.shape[:2]
    names = frame_names(asset, name)
    numbers = _numbers(scope, names)
    sprites, ids, table = [], [], []
    for frame, key, number in zip(asset.frames, names, numbers, strict=True):
        x, y, w, h = (int(value) for value in frame.rect)
        text = json.dumps(key, ensure_ascii=False)
        sprites.append(
            _ONE.format(
                name=text,
                x=x,
                y=height - y - h,
                w=w,
                h=h,
                px=_share(frame.pivot[0], w),
                py=_share(h - frame.pivot[1], h),
                sprite=_hex(*scope, key),
                number=number,
            )
        )
        ids.append(f"  - first:\n      {_CLASS}: {number}\n    second: {text}")
        table.append(f"      {text}: {number}")
    made = pack.provenance.get(name) if pack else None
    data = made is not None and made.request.get("variant") == "normal"
    meta = _HEAD.format(
        guid=_hex(*scope, "guid"),
        ids="\n".join(ids),
        srgb=0 if data else 1,
        transparency=0 if data else 1,
        largest=min(_LARGEST, max(2048, 1 << (max(width, height) - 1).bit_length())),
        units=int(asset.frames[0].rect[3]),
        sprites="\n".join(sprites),
        sheet=_hex(*scope, "sheet"),
        names="\n".join(table),
    )
    return {f"{name}.png": encode_png(asset.image), f"{name}.png.meta": encode(meta)}


def folder_meta(*names: str) -> bytes:
    """The ``.meta`` of a folder, to stand beside it as ``<folder>.meta``.

    Args:
        names: The pack and the path of the folder; the guid depends on them alone.
    """
    return encode(_FOLDER.format(guid=_hex(*names, "folder")))


_GUID = re.compile(rb"guid: ([0-9a-f]{32})")
_ENTRY = re.compile(rb" {4}(  )?(name|spriteID|internalID): (.{1,200})")
_ID = re.compile(rb"(?<=: )([0-9a-f]{32}|-?[1-9][0-9]{3,18})$", re.MULTILINE)


def keep_ids(new: bytes, old: bytes) -> bytes:
    """A ``.meta`` with the ids of the one that it replaces, so that no reference to it breaks.

    Args:
        new: As `export_unity` or `folder_meta` writes it.
        old: What lies in its place: written here, by Unity or by somebody; any bytes.

    Returns:
        ``new`` with the guid of ``old`` and, for sprites that both name, their ids; ``new`` itself
        where ``old`` has no guid.
    """
    before, after = _ids(old), _ids(new)
    if ("", "guid") not in before:
        return new
    renamed = {own: before[what] for what, own in after.items() if what in before}
    return _ID.sub(lambda found: renamed.get(found[0], found[0]), new)


def _ids(meta: bytes) -> dict[tuple[str, str], bytes]:
    """Ids of a ``.meta`` by the name of the sprite, "" for the file itself, and the key."""
    found: dict[tuple[str, str], bytes] = {}
    name = ""
    for line in meta.splitlines():
        if (guid := _GUID.fullmatch(line)) is not None:
            found.setdefault(("", "guid"), guid[1])
        elif (entry := _ENTRY.fullmatch(line)) is not None:
            key, value = entry[2].decode(), entry[3]
            if key == "name":
                name = value.decode("utf-8", "replace").strip("\"'")
            elif _ID.fullmatch(b": " + value, 2):
                found.setdefault((name if entry[1] else "", key), value)
    values = list(found.values())
    return found if len(set(values)) == len(values) else {}


def _numbers(scope: tuple[str, ...], names: list[str]) -> list[int]:
    """A signed 64-bit number per sprite: never 0, all different, the same for the same name."""
    numbers: dict[int, str] = {}
    for name in names:
        attempt = 0
        number = 0
        while number == 0 or number in numbers:
            text = "/".join(("aigc_assets", *scope, name, str(attempt))).encode()
            number = int.from_bytes(hashlib.sha256(text).digest()[:8], "big", signed=True)
            attempt += 1
        numbers[number] = name
    return list(numbers)


def _hex(*names: str) -> str:
    """32 hex digits that depend on the names."""
    return hashlib.sha256("/".join(("aigc_assets", *names)).encode()).hexdigest()[:32]


def _share(part: int, whole: int) -> str:
    text = f"{part / whole:.6f}".rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text
