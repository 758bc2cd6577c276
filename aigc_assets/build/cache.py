"""The content-addressed store of a build: ``<out>/.aigc``.

``objects/`` holds bytes by their sha256, ``keys/`` says which objects a job with a given key made.
Everything is written under a temporary name and renamed, so a build that is killed at any moment
leaves either a whole entry or none; what it left in ``tmp/`` is removed at the next start.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import itertools
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aigc_assets.errors import OutputError

LIMIT_BYTES = 2 << 30
"""Results of earlier builds are kept up to this size, the longest unused go first."""

_COUNTER = itertools.count()


@dataclasses.dataclass(frozen=True)
class Record:
    """What a job made: sha256 by file name, and a line about it for tables."""

    files: dict[str, str]
    summary: str = ""


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an operating-system error into an `OutputError` that names the place and a remedy."""
    try:
        yield
    except OSError as error:
        remedies = {
            errno.ENOSPC: "free some space and run it again; what was finished is kept",
            errno.EDQUOT: "free some space and run it again; what was finished is kept",
            errno.EFBIG: "the file system or a limit of this shell refuses files of this size",
            errno.EROFS: "choose another folder with -o",
            errno.EACCES: "choose another folder with -o, or allow writing to this one",
            errno.EPERM: "choose another folder with -o, or allow writing to this one",
            errno.ENOTDIR: "a part of this path is a file; choose another folder with -o",
            errno.EEXIST: "a file stands where a folder must be; choose another folder with -o",
            errno.EISDIR: "a folder stands where a file must be; move it away",
        }
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise OutputError(
            f"cannot write: {reason}",
            where=str(error.filename or path),
            remedy=remedies.get(error.errno or 0, "choose another folder with -o"),
        ) from error


class Cache:
    """The store below ``root``.

    Args:
        root: Its folder.
        create: Whether to create it when missing; a forecast only reads.

    Raises:
        OutputError: If it cannot be written.
    """

    def __init__(self, root: Path, create: bool = True):
        self.root = root
        self._sound: set[str] = set()
        if create:
            with writing(root):
                for name in ("objects", "keys", "tmp"):
                    (root / name).mkdir(parents=True, exist_ok=True)

    def put(self, data: bytes) -> str:
        """Store bytes; return their sha256."""
        sha256 = hashlib.sha256(data).hexdigest()
        if sha256 not in self._sound:
            path = self._object(sha256)
            if not path.is_file() or path.read_bytes() != data:
                self._write(path, data)
            self._sound.add(sha256)
        return sha256

    def get(self, sha256: str) -> bytes | None:
        """Stored bytes, or None when they are missing or were damaged (then they are removed)."""
        path = self._object(sha256)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        if hashlib.sha256(data).hexdigest() != sha256:
            self._sound.discard(sha256)
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        self._sound.add(sha256)
        return data

    def path(self, sha256: str) -> Path:
        """Where the bytes lie."""
        return self._object(sha256)

    def record(self, key: str) -> Record | None:
        """What the job with this key made, or None when it is unknown or not whole any more."""
        path = self._key(key)
        try:
            values = json.loads(path.read_bytes())
            files = values["files"]
            record = Record({str(k): str(v) for k, v in files.items()}, str(values["summary"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        for sha256 in record.files.values():
            if sha256 not in self._sound and self.get(sha256) is None:
                return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return record

    def remember(self, key: str, record: Record) -> None:
        """Store what the job with this key made."""
        text = json.dumps({"files": record.files, "summary": record.summary}, sort_keys=True)
        self._write(self._key(key), text.encode())

    def temporary(self) -> Path:
        """A fresh name in ``tmp/`` on the same file system as the outputs."""
        return self.root / "tmp" / f"{os.getpid()}-{next(_COUNTER)}"

    def clean(self) -> None:
        """Remove what a killed build left behind."""
        with writing(self.root / "tmp"):
            shutil.rmtree(self.root / "tmp", ignore_errors=True)
            (self.root / "tmp").mkdir(exist_ok=True)

    def prune(self, limit: int = LIMIT_BYTES) -> None:
        """Forget the results that were not used for the longest time beyond ``limit`` bytes."""
        sizes = {p.name: p.stat().st_size for p in (self.root / "objects").glob("*/*")}
        if sum(sizes.values()) <= limit:
            return
        records = sorted((self.root / "keys").glob("*/*"), key=lambda p: -p.stat().st_mtime_ns)
        kept: set[str] = set()
        for path in records:
            with contextlib.suppress(OSError, ValueError, KeyError):
                files = set(json.loads(path.read_bytes())["files"].values())
                if sum(sizes.get(sha256, 0) for sha256 in kept | files) <= limit:
                    kept |= files
                else:
                    path.unlink()
        for sha256 in set(sizes) - kept:
            with contextlib.suppress(OSError):
                self._object(sha256).unlink()

    def _object(self, sha256: str) -> Path:
        return self.root / "objects" / sha256[:2] / sha256

    def _key(self, key: str) -> Path:
        return self.root / "keys" / key[:2] / f"{key}.json"

    def _write(self, path: Path, data: bytes) -> None:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            part = self.temporary()
            try:
                part.write_bytes(data)
                part.replace(path)
            except OSError:
                part.unlink(missing_ok=True)
                raise


def dump_json(value: Any) -> bytes:
    """JSON for people and version control: indented, fixed order, one newline at the end."""
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()
