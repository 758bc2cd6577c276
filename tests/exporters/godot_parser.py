"""A strict reader of Godot 4 text resources, for tests: it refuses what the engine would refuse.

The grammar is that of the engine's VariantParser, cut down to the values that we write.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

_TOKEN = re.compile(
    r"""(?P<space>[ \t\n]+)
      | (?P<string>"(?:[^"\\]|\\.)*")
      | (?P<number>-?\d+(?:\.\d*)?(?:e[+-]?\d+)?)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<sign>[\[\]{}(),:=])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"\\": "\\", '"': '"', "n": "\n", "t": "\t", "r": "\r"}
_COUNTS = {
    "Vector2": 2, "Vector2i": 2, "Rect2": 4, "Color": 4, "ExtResource": 1, "SubResource": 1,
}  # fmt: skip


class Call(NamedTuple):
    """A constructor, such as ``Vector2i(1, 2)``."""

    name: str
    arguments: tuple[Any, ...]


@dataclass
class Section:
    """``[tag key=value ...]`` and the properties below it."""

    tag: str
    head: dict[str, Any]
    properties: dict[str, Any] = field(default_factory=dict)


class _Reader:
    def __init__(self, text: str):
        self.text, self.at = text, 0

    def next(self, *, skip_lines: bool = True) -> tuple[str, str]:
        while True:
            if self.at == len(self.text):
                return "end", ""
            match = _TOKEN.match(self.text, self.at)
            if match is None:
                raise ValueError(f"unexpected {self.text[self.at : self.at + 20]!r}")
            if match.lastgroup == "space" and not skip_lines and "\n" in match.group():
                return "line", "\n"
            self.at = match.end()
            if match.lastgroup != "space":
                return str(match.lastgroup), match.group()

    def peek(self) -> tuple[str, str]:
        before = self.at
        token = self.next()
        self.at = before
        return token

    def expect(self, sign: str) -> None:
        token = self.next()
        if token != ("sign", sign):
            raise ValueError(f"expected {sign!r}, got {token[1]!r} before {self.at}")

    def items(self, end: str, read: Any) -> list[Any]:
        found: list[Any] = []
        while self.peek() != ("sign", end):
            if found:
                self.expect(",")
            found.append(read())
        self.next()
        return found

    def value(self) -> Any:
        kind, text = self.next()
        if kind == "string":
            return re.sub(r"\\(u[0-9a-f]{4}|.)", _unescaped, text[1:-1], flags=re.DOTALL)
        if kind == "number":
            return float(text) if re.search(r"[.e]", text) else int(text)
        if kind == "name" and text in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[text]
        if (kind, text) == ("name", "Array"):
            return self.typed_array()
        if kind == "name":
            self.expect("(")
            return _call(text, tuple(self.items(")", self.value)))
        if text == "[":
            return self.items("]", self.value)
        if text == "{":
            return dict(self.items("}", self.pair))
        raise ValueError(f"no value starts with {text!r}")

    def typed_array(self) -> list[Any]:
        """``Array[PackedInt32Array]([...])``."""
        self.expect("[")
        kind, name = self.next()
        self.expect("]")
        self.expect("(")
        found = self.value()
        self.expect(")")
        if kind != "name" or not isinstance(found, list):
            raise ValueError(f"Array[{name}] takes a list")
        return found

    def pair(self) -> tuple[Any, Any]:
        key = self.value()
        self.expect(":")
        return key, self.value()


def _unescaped(match: re.Match[str]) -> str:
    code = match.group(1)
    return chr(int(code[1:], 16)) if code[0] == "u" else _ESCAPES[code]


def _call(name: str, arguments: tuple[Any, ...]) -> Any:
    if name == "PackedByteArray":
        if arguments and isinstance(arguments[0], str):
            (text,) = arguments
            return base64.b64decode(text, validate=True)
        return bytes(arguments)
    if name == "PackedInt32Array":
        if not all(type(value) is int for value in arguments):
            raise ValueError("PackedInt32Array takes integers")
        return list(arguments)
    if name == "PackedVector2Array":
        if len(arguments) % 2 or not all(isinstance(v, (int, float)) for v in arguments):
            raise ValueError("PackedVector2Array takes pairs of numbers")
        return list(zip(arguments[::2], arguments[1::2], strict=True))
    if len(arguments) != _COUNTS[name]:
        raise ValueError(f"{name} takes {_COUNTS[name]} values")
    whole = name.endswith("i")
    if whole and not all(type(value) is int for value in arguments):
        raise ValueError(f"{name} takes integers")
    return Call(name, arguments)


def parse(text: str) -> list[Section]:
    """Sections in order; names, versions, ids and references are checked.

    Raises:
        ValueError: If the engine would not load it.
    """
    sections: list[Section] = []
    at = 0
    while at < len(text):
        if text[at] == "\n":
            at += 1
            continue
        if text[at] == "[":
            reader = _Reader(text)
            reader.at = at + 1
            kind, tag = reader.next()
            if kind != "name":
                raise ValueError(f"a tag must be a name, not {tag!r}")
            head: dict[str, Any] = {}
            while reader.peek() != ("sign", "]"):
                kind, key = reader.next()
                reader.expect("=")
                if kind != "name" or key in head:
                    raise ValueError(f"bad key {key!r} in [{tag}]")
                head[key] = reader.value()
            reader.next()
            sections.append(Section(tag, head))
        else:
            key, found, _ = text[at:].partition(" = ")
            if not found or re.search(r'[\s"=\[\]]', key) or not sections:
                raise ValueError(f"not a property: {text[at : at + 40]!r}")
            reader = _Reader(text)
            reader.at = at + len(key) + 3
            if key in sections[-1].properties:
                raise ValueError(f"{key} is given twice")
            sections[-1].properties[key] = reader.value()
        at = reader.at
        if at < len(text) and text[at] != "\n":
            raise ValueError(f"something follows on the line: {text[at : at + 20]!r}")
    _check(sections)
    return sections


def _check(sections: list[Section]) -> None:
    first, rest = sections[0], sections[1:]
    if first.tag not in ("gd_scene", "gd_resource") or first.head["format"] not in (3, 4):
        raise ValueError("unknown header")
    if re.fullmatch(r"uid://[a-y0-8]{1,13}", first.head["uid"]) is None:
        raise ValueError(f"bad uid {first.head['uid']}")
    order = {"ext_resource": 0, "sub_resource": 1, "resource": 2, "node": 2}
    ranks = [order[section.tag] for section in rest]
    if ranks != sorted(ranks):
        raise ValueError("sections out of order")
    known: set[tuple[str, str]] = set()
    for section in rest:
        for call in calls(section.properties):
            kind = {"ExtResource": "ext_resource", "SubResource": "sub_resource"}.get(call.name)
            if kind and (kind, call.arguments[0]) not in known:
                raise ValueError(f"{call} is not declared above")
        if section.tag in ("ext_resource", "sub_resource"):
            key = (section.tag, section.head["id"])
            if key in known:
                raise ValueError(f"{key} is declared twice")
            known.add(key)
        if section.tag == "ext_resource" and "uid" in section.head:
            if re.fullmatch(r"uid://[a-y0-8]{1,13}", section.head["uid"]) is None:
                raise ValueError("bad uid")
    if first.head.get("load_steps", len(known) + 1) != len(known) + 1:
        raise ValueError("load_steps does not count the resources")
    if first.tag == "gd_scene":
        _check_nodes([section for section in rest if section.tag == "node"])
    elif [section.tag for section in rest].count("resource") != 1:
        raise ValueError("a resource file has one [resource]")


def _check_nodes(nodes: list[Section]) -> None:
    paths: set[str] = set()
    for index, node in enumerate(nodes):
        name, parent = node.head["name"], node.head.get("parent")
        if not name or re.search(r'[.:@/"%]', name):
            raise ValueError(f"Godot would rename the node {name!r}")
        if (parent is None) != (index == 0):
            raise ValueError("the first node, and only it, has no parent")
        if parent not in (None, ".") and parent not in paths:
            raise ValueError(f"no node {parent!r} above {name!r}")
        path = {None: ".", ".": name}.get(parent, f"{parent}/{name}")
        if path in paths:
            raise ValueError(f"two nodes {path!r}")
        paths.add(path)
        for key in node.properties:
            if key.startswith("metadata/") and not key[9:].isidentifier():
                raise ValueError(f"{key} is not an identifier")


def calls(value: Any) -> list[Call]:
    """All constructors inside a value."""
    if isinstance(value, Call):
        return [value]
    if isinstance(value, dict):
        value = [*value, *value.values()]
    return [call for item in value for call in calls(item)] if isinstance(value, list) else []
