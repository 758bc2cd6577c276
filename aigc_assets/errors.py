"""The errors a user can meet: each says what is wrong, where, and what to do about it.

Every user mistake ends in a subclass of `AigcError`; the command line prints it in one line
and leaves with the error's ``exit_code``, so build scripts can tell the kinds apart.
"""

from __future__ import annotations

from typing import ClassVar


class AigcError(Exception):
    """Base of all errors raised on purpose.

    Args:
        message: What is wrong, one sentence.
        where: File, table and key, or the field, that is to blame.
        remedy: What the user can do.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, where: str | None = None, remedy: str | None = None):
        super().__init__(message)
        self.message = message
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text} ({self.remedy})" if self.remedy else text

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions cross process boundaries by pickle, which forgets keyword arguments.
        return (_rebuild, (type(self), self.message, self.where, self.remedy))


def _rebuild(
    cls: type[AigcError], message: str, where: str | None, remedy: str | None
) -> AigcError:
    return cls(message, where=where, remedy=remedy)


class InvalidAssetError(AigcError, ValueError):
    """A plain type was built from values it does not allow."""


class UsageError(AigcError):
    """A wrong argument on the command line or in a Python call."""

    exit_code = 2


class ManifestError(UsageError):
    """The manifest does not say what it must, or says what it must not."""


class DataError(UsageError):
    """Training data or an input file cannot be read as what it claims to be."""


class GenerationError(AigcError):
    """A generator could not make what was asked for."""


class CheckError(AigcError):
    """A finished pack does not hold together."""


class OutputError(AigcError):
    """The output could not be written."""


class WeightsError(AigcError):
    """Shipped or given weights are missing, truncated or altered."""


class BudgetError(AigcError):
    """The job would take more time, memory or space than the user allowed."""

    exit_code = 3


class PolicyError(AigcError):
    """A licence or a policy forbids it."""

    exit_code = 4


class MissingPartError(AigcError):
    """An optional part is not installed; the remedy says how to get it."""

    exit_code = 5
