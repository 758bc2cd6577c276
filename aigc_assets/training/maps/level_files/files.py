"""Reading inside one folder and nowhere else."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from aigc_assets.errors import DataError
from aigc_assets.training.maps.level_files.level import LARGEST_FILE

MOST_FILES = 2000
_DRIVE = re.compile(r"[A-Za-z]:|[a-z][a-z0-9+.\-]*://", re.IGNORECASE)


class Folder:
    """A folder of the user's; no path leads out of it, neither by name nor by a link.

    Args:
        root: An existing folder.
        most: Files that it may hold, `MOST_FILES` by default.
        largest: Bytes that a file may have.
    """

    def __init__(self, root: Path, most: int | None = None, largest: int = LARGEST_FILE):
        self.root, self.most, self.largest = root, most or MOST_FILES, largest

    def files(self) -> Iterator[str]:
        """Relative names with ``/`` of everything that is not a folder, sorted; links too.

        Raises:
            DataError: If there are too many.
        """
        found = []
        for parent, folders, names in os.walk(self.root, followlinks=False):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            links = [name for name in folders if (Path(parent) / name).is_symlink()]
            for name in [*names, *links]:
                if not name.startswith("."):
                    found.append((Path(parent) / name).relative_to(self.root).as_posix())
            if len(found) > self.most:
                raise DataError(f"more than {self.most} files", where=str(self.root))
        yield from sorted(found)

    def read(self, name: str) -> bytes:
        """The bytes of a file.

        Raises:
            DataError: If it is a link or behind one, no plain file, empty, too large, unreadable.
        """
        path = self.root
        try:
            for part in PurePosixPath(name).parts:
                path = path / part
                if path.is_symlink():
                    raise DataError("is a link, which is not followed", where=name)
            # Not blocking: a named pipe that nobody writes to must not stop the reader.
            flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
            descriptor = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0))
            with os.fdopen(descriptor, "rb") as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise DataError("is not a plain file", where=name)
                data = file.read(self.largest + 1)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise DataError(f"cannot be read: {reason}", where=name) from error
        if len(data) > self.largest:
            raise DataError(f"is larger than {self.largest >> 20} MB", where=name)
        if not data:
            raise DataError("is empty", where=name)
        return data

    def beside(self, name: str, reference: str) -> str:
        """The relative name of what the file ``name`` calls ``reference``.

        Raises:
            DataError: If that is an address, an absolute path or one that leads out of the folder.
        """
        path = reference.replace("\\", "/")
        if not path or path.startswith("/") or _DRIVE.match(path) or "\0" in path:
            raise DataError(f"names {reference!r}, which is not a relative path", where=name)
        parts: list[str] = list(PurePosixPath(name).parent.parts)
        for part in PurePosixPath(path).parts:
            if part == "..":
                if not parts:
                    raise DataError(
                        f"names {reference!r}, which lies outside of the folder", where=name
                    )
                parts.pop()
            else:
                parts.append(part)
        if not parts:
            raise DataError(f"names {reference!r}, which is not a file", where=name)
        return "/".join(parts)
