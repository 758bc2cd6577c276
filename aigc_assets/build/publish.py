"""Puts finished files into the output folder: all of them or none, and never over somebody's work.

Every file is first copied beside its place, then all are renamed into it, so a full disk is met
before the first output changes. Files that the user edited are left alone, files of earlier builds
that are not wanted any more are removed, equal files keep their date.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from aigc_assets.build.cache import Cache, dump_json, writing
from aigc_assets.errors import OutputError
from aigc_assets.exporters.unity import keep_ids

LOCK_NAME = "pack.lock.json"
ASSETS_FOLDER = "assets"
FORMAT = 1


@dataclasses.dataclass(frozen=True)
class Published:
    """Relative names of the files, by what happened to them.

    ``kept`` are stale files that somebody edited.
    """

    written: tuple[str, ...]
    unchanged: tuple[str, ...]
    removed: tuple[str, ...]
    kept: tuple[str, ...]


def read_lock(out: Path) -> dict[str, Any]:
    """The lock file of a folder; empty tables when there is none or it is damaged."""
    empty: dict[str, Any] = {"assets": {}, "files": {}}
    try:
        lock = json.loads((out / LOCK_NAME).read_bytes())
        if lock["format"] != FORMAT:
            return empty
        for path, entry in lock["files"].items():
            if not safe(path) or not isinstance(entry["sha256"], str):
                return empty
        for entry in lock["assets"].values():
            if not isinstance(entry["content"], str) or not isinstance(entry["parts"], dict):
                return empty
        return dict(lock)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return empty


def safe(path: str) -> bool:
    """Whether a relative name stays inside the folder it is joined to."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and "\\" not in path


@contextlib.contextmanager
def claimed(out: Path) -> Iterator[Cache]:
    """The cache of an output folder, for one build at a time.

    Raises:
        OutputError: If it cannot be written, or another build is using it.
    """
    cache = Cache(out / ".aigc")
    with writing(cache.root):
        handle = (cache.root / "lock").open("ab")
    with handle:
        if not _lock(handle.fileno()):
            raise OutputError(
                "another build is writing to this folder",
                where=str(out),
                remedy="wait for it to end, or choose another folder with -o",
            )
        with writing(cache.root):
            if not (cache.root / ".gitignore").exists():
                (cache.root / ".gitignore").write_bytes(b"*\n")
        cache.clean()
        try:
            yield cache
        finally:
            shutil.rmtree(cache.root / "tmp", ignore_errors=True)


def _lock(descriptor: int) -> bool:
    """Take a lock that ends with the process, however it ends."""
    try:
        import fcntl
    except ImportError:  # not a POSIX system
        return _lock_windows(descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lock_windows(descriptor: int) -> bool:
    import msvcrt

    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    except OSError:
        return False
    return True


def digest(path: Path) -> str | None:
    """Sha256 of a file, or None when there is none."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return None


def with_ids(path: Path, data: bytes) -> bytes:
    """What to write to ``path``: other files of a Unity project refer to the ids in a ``.meta``.

    So it keeps those of the file that lies there already.
    """
    if path.suffix != ".meta":
        return data
    try:
        return keep_ids(data, path.read_bytes())
    except OSError:  # there is none, or writing will say what is wrong
        return data


def publish(
    out: Path,
    cache: Cache,
    files: Mapping[str, str],
    lock: Mapping[str, Any],
    *,
    force: bool = False,
    keep: frozenset[str] = frozenset(),
) -> Published:
    """Make ``out`` hold ``files`` and the lock file.

    Args:
        out: Output folder.
        cache: Holds the bytes.
        files: Sha256 by relative name.
        lock: Content of the new lock file.
        force: Overwrite files that were edited.
        keep: Names of the old lock that are neither wanted nor stale: left as they are.

    Raises:
        OutputError: If files were edited, or something cannot be written; nothing was changed then.
    """
    old = {path: str(entry["sha256"]) for path, entry in read_lock(out)["files"].items()}
    intended = _read_journal(cache)
    writes, unchanged, edited = [], [], []
    with writing(out):
        for path, sha256 in files.items():
            present = digest(out / path)
            if present == sha256:
                unchanged.append(path)
                continue
            writes.append(path)
            if present is not None and present != old.get(path) and path not in intended:
                edited.append(path)
            elif present is not None and path in intended and present not in intended[path]:
                edited.append(path)
    if edited and not force:
        shown = ", ".join(edited[:5]) + (f" and {len(edited) - 5} more" if edited[5:] else "")
        raise OutputError(
            f"these files were not written by the last build or were edited since: {shown}",
            where=str(out),
            remedy="move your work to another place, or overwrite it with --force",
        )
    removed: list[str] = []
    kept: list[str] = []
    with writing(out):
        for path in {**old, **intended}:
            if path in files or path in keep:
                continue
            present = digest(out / path)
            if present is not None:
                ours = present == old.get(path) or present in intended.get(path, ())
                (removed if ours else kept).append(path)
    lock_bytes = dump_json(lock)
    new_lock = digest(out / LOCK_NAME) != hashlib.sha256(lock_bytes).hexdigest()
    if writes or removed or new_lock:
        _write_journal(cache, {path: [old.get(path, ""), files[path]] for path in writes})
        _replace_all(out, cache, {path: files[path] for path in writes}, removed, lock_bytes)
        with contextlib.suppress(OSError):
            (cache.root / "journal.json").unlink()
    return Published(tuple(writes), tuple(unchanged), tuple(removed), tuple(kept))


def _replace_all(
    out: Path, cache: Cache, files: Mapping[str, str], removed: list[str], lock: bytes
) -> None:
    staged: list[tuple[Path, Path]] = []
    with writing(out):
        try:
            for path, sha256 in files.items():
                target = out / path
                target.parent.mkdir(parents=True, exist_ok=True)
                if target.is_dir():
                    raise IsADirectoryError(21, os.strerror(21), str(target))
                part = cache.temporary()
                staged.append((part, target))
                data = cache.get(sha256)
                if data is None:
                    raise OutputError(
                        "a stored result was damaged while the build ran",
                        where=path,
                        remedy="run the build again",
                    )
                part.write_bytes(data)
            part = cache.temporary()
            staged.append((part, out / LOCK_NAME))
            part.write_bytes(lock)
        except BaseException:
            for part, _ in staged:
                part.unlink(missing_ok=True)
            raise
        # The lock file goes last: until then the journal says which files are ours.
        for part, target in staged[:-1]:
            part.replace(target)
        for path in removed:
            (out / path).unlink(missing_ok=True)
            for folder in (out / path).parents:
                if folder == out or any(folder.iterdir()):
                    break
                folder.rmdir()
        staged[-1][0].replace(staged[-1][1])


def _read_journal(cache: Cache) -> dict[str, list[str]]:
    """What the last publication meant to write, if it did not come to its end."""
    try:
        values = json.loads((cache.root / "journal.json").read_bytes())
        return {str(path): [str(s) for s in shas] for path, shas in values.items() if safe(path)}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _write_journal(cache: Cache, intended: Mapping[str, list[str]]) -> None:
    before = _read_journal(cache)
    merged = {
        path: sorted({*before.get(path, ()), *intended.get(path, ())} - {""})
        for path in {**before, **intended}
    }
    with writing(cache.root):
        part = cache.temporary()
        part.write_bytes(dump_json(dict(sorted(merged.items()))))
        part.replace(cache.root / "journal.json")
