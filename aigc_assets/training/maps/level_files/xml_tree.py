"""XML without anything that could reach out of the file or blow up.

A document type declaration is refused before it is read, so there are no entities, neither
external nor nested; nothing is ever fetched.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.parsers import expat

from aigc_assets.errors import DataError

DEEPEST = 64
MOST_ELEMENTS = 300_000


@dataclass
class Element:
    """An element: its name, attributes, children, and the text directly in it."""

    tag: str
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def all(self, tag: str) -> list[Element]:
        """The children of this name."""
        return [child for child in self.children if child.tag == tag]

    def first(self, tag: str) -> Element | None:
        """The first child of this name."""
        return next((child for child in self.children if child.tag == tag), None)


def parse_xml(data: bytes, where: str) -> Element:
    """The root element of a document.

    Raises:
        DataError: If it is not well-formed, has a document type, or is nested too deeply or too
            long.
    """
    builder = _Builder(where)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.StartDoctypeDeclHandler = builder.refuse
    parser.EntityDeclHandler = builder.refuse
    parser.UnparsedEntityDeclHandler = builder.refuse
    parser.ExternalEntityRefHandler = builder.refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.characters
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise DataError(f"is not well-formed XML: {error}", where=where) from error
    except (LookupError, ValueError, UnicodeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"is in an encoding that is not read: {error}", where=where) from error
    assert builder.root is not None  # expat refuses a document without an element
    return builder.root


class _Builder:
    def __init__(self, where: str):
        self.where = where
        self.root: Element | None = None
        self._open: list[Element] = []
        self._texts: list[list[str]] = []
        self._count = 0

    def refuse(self, *_: object) -> int:
        raise DataError(
            "declares a document type or entities, which are not read",
            where=self.where,
            remedy="remove the <!DOCTYPE ...> part",
        )

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if len(self._open) >= DEEPEST or self._count > MOST_ELEMENTS:
            raise DataError("has too many or too deep elements", where=self.where)
        element = Element(tag, attributes)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)
        self._texts.append([])

    def end(self, _tag: str) -> None:
        self._open.pop().text = "".join(self._texts.pop())

    def characters(self, text: str) -> None:
        self._texts[-1].append(text)
