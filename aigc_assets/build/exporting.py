"""Exports of assets that already exist: from a built pack, or from one asset archive."""

from __future__ import annotations

from pathlib import Path

from aigc_assets import types
from aigc_assets.build.cache import writing
from aigc_assets.build.publish import digest, with_ids
from aigc_assets.build.verify import load_pack
from aigc_assets.build.vocabulary import suggest
from aigc_assets.errors import DataError, OutputError, UsageError
from aigc_assets.exporters import FORMATS, export_asset
from aigc_assets.types import Asset, kind_of


def export_from(
    source: Path, format: str, out: Path, only: tuple[str, ...] = (), force: bool = False
) -> list[Path]:
    """Write the assets of ``source`` that ``format`` can hold into ``out``.

    Args:
        source: Folder of a built pack, or an asset archive (`aigc_assets.types.dump`).
        format: A key of `FORMATS`.
        out: Created when missing.
        only: Ids; all assets that fit when empty.
        force: Overwrite files that hold something else.

    Returns:
        The files of the export, in order.

    Raises:
        UsageError: If the format is unknown or nothing fits it.
        DataError: If the source is neither a pack nor an archive.
        OutputError: If a file is in the way or cannot be written.
    """
    if format not in FORMATS:
        raise UsageError(
            f"unknown format {format!r}{suggest(format, FORMATS)}",
            where="--format",
            remedy=f"one of: {', '.join(sorted(FORMATS))}",
        )
    files: dict[str, bytes] = {}
    if source.is_dir():
        pack, _ = load_pack(source)
        for name in only:
            if name not in pack.assets:
                known = ", ".join(pack.assets)
                raise UsageError(
                    f'there is no asset "{name}"{suggest(name, pack.assets)}',
                    where=str(source),
                    remedy=f"assets: {known}",
                )
        for name in only or tuple(pack.assets):
            if only or kind_of(pack.assets[name]) in FORMATS[format].kinds:
                together = [name, *(d for d in pack.made_from[name] if d in pack.assets)]
                asset = pack.assets[name]
                files |= export_asset(asset, name, format, pack.part(together))
    else:
        files = export_asset(_read_archive(source), source.stem, format)
    if not files:
        raise UsageError(
            f"nothing in it can be written as {format}",
            where=str(source),
            remedy=f"{format} holds: {', '.join(FORMATS[format].kinds)}",
        )
    return write_files(files, out, force)


def write_files(files: dict[str, bytes], out: Path, force: bool) -> list[Path]:
    """Write files whole or not at all; equal ones keep their date.

    Raises:
        OutputError: If a file holds something else and ``force`` is off, or on a full disk.
    """
    targets = {out / name: with_ids(out / name, data) for name, data in files.items()}
    with writing(out):
        taken = [
            path for path, data in targets.items() if path.exists() and path.read_bytes() != data
        ]
        if taken and not force:
            raise OutputError(
                "the file is there and holds something else",
                where=str(taken[0]),
                remedy="choose another folder with -o, or overwrite it with --force",
            )
        for path, data in targets.items():
            if digest(path) is not None and path not in taken:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{path.name}.part")
            try:
                part.write_bytes(data)
                part.replace(path)
            except OSError:
                part.unlink(missing_ok=True)
                raise
    return list(targets)


def _read_archive(path: Path) -> Asset:
    try:
        asset = types.load(path.read_bytes())
    except OSError as error:
        raise DataError(f"cannot read it: {error.strerror}", where=str(path)) from error
    except DataError as error:
        raise DataError(
            "neither the folder of a built pack nor an asset archive", where=str(path)
        ) from error
    if type(asset) not in types.pack.KINDS:
        raise DataError("the archive does not hold an asset", where=str(path))
    found: Asset = asset
    return found
