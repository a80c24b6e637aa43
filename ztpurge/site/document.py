"""The bytes of a YAML file -> a tree whose every part knows where in the file it stands.

Pure, and safe with any bytes: it is built from the parser's events, so no object is made of what the file says and no
call goes deeper than the next. What the parts mean is left to `configuration.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

from ztpurge.errors import Position, ZtpurgeError

_MAX_NODES = 20_000  # with those that aliases repeat: as patterns they take six seconds; a thousand sites need half
_LONG = 64  # characters, for each of which a text counts once more
_MAX_DEPTH = 20  # a configuration needs five, and PyYAML's time grows with the square

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})  # YAML 1.2, the core schema: section 10.3.2
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_QUOTE = "If it is a text, put it in quotes"
_NOT_FITTING = "<block end>|node content|entries are not|keys are not"
_IN_PLAIN_WORDS = (  # what PyYAML says, what that means, and what to do
    (r"character '\\t'", "a tab stands where YAML takes only blanks", "Indent with blanks"),
    (r"scanning an? (alias|anchor)", "YAML takes this for an alias or an anchor", _QUOTE),
    (r"(parsing|scanning) a tag|tag handle", "YAML takes this for a tag", _QUOTE),
    (r"cannot start any token", "no text without quotes begins with this character", _QUOTE),
    (r"end of stream|document separator", "the quotes that open here are never closed", "Close them"),
    (r"escape", "this is no escape within double quotes", "Double the backslash, or use single quotes"),
    (r"mapping values", "the `:` makes a key here, where none can stand", f"Check the indentation. {_QUOTE}"),
    (r"expected ':'", "a key stands here without its `:`", "Write `key: value`"),
    (_NOT_FITTING, "this does not fit what stands before it", "Check indentation, brackets and quotes"),
    (r"a flow (mapping|sequence)", "a `,` or the closing bracket is missing here", f"Close the bracket. {_QUOTE}"),
)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text as the file spells it, `010` and `1.10` too; `is_plain` if it stands there without quotes."""

    text: str
    is_plain: bool
    position: Position

    @property
    def is_empty(self) -> bool:
        """Whether nothing stands there, or a null."""
        return self.is_plain and self.text in _NULLS

    @property
    def boolean(self) -> bool | None:
        """What it says if it is a boolean of YAML 1.2, which `yes` and `on` are not; else None."""
        return _BOOLEANS.get(self.text) if self.is_plain else None

    def __str__(self) -> str:
        """Say what it is, for who expected something else."""
        if self.is_empty:
            return "nothing"
        if self.boolean is not None:
            return f"the boolean {self.text}"
        return f"{self.text[:200]!r}{'' if self.is_plain else ' in quotes'}"


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple[Node, ...]
    position: Position

    def __str__(self) -> str:
        """Say what it is, for who expected something else."""
        return "a list"


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys, which may be anything and stand there twice, with their values."""

    entries: tuple[tuple[Node, Node], ...]
    position: Position

    def __str__(self) -> str:
        """Say what it is, for who expected something else."""
        return "a mapping"


Node = Scalar | Sequence | Mapping


def parse_document(data: bytes, name: str) -> Node:
    """Read the one document of a file called `name`; raise ZtpurgeError at the first thing that YAML cannot be."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode()
        raise ZtpurgeError("it is not UTF-8", remedy="Save the file as UTF-8", place=_end_of(before, name)) from error
    try:
        # not libyaml's, which runs out of stack on a deep file and ends the process
        parser: Any = yaml.SafeLoader(text)
    except yaml.reader.ReaderError as error:
        character = f"the character U+{ord(text[error.position]):04X} cannot stand in YAML"
        raise ZtpurgeError(character, remedy="Take it out", place=_end_of(text[: error.position], name)) from error
    tree = _Tree(name)
    try:
        while parser.check_event():
            tree.take(parser.get_event())
    except yaml.MarkedYAMLError as error:
        raise _explain(error, name) from error
    except (ValueError, OverflowError) as error:  # a character, or a version, of too large a number
        raise ZtpurgeError("a number here is too large", place=_position(parser.get_mark(), name)) from error
    return tree.top or Scalar("", is_plain=True, position=Position(name, 1, 1))


@dataclass(frozen=True, slots=True)
class _Open:
    """A list or mapping whose end has not been read; `before`: how many nodes had been when it began."""

    kind: type[Sequence | Mapping]
    children: list[Node]
    anchor: str | None
    before: int
    position: Position


class _Tree:
    """Takes the events of a document, and puts together what they tell."""

    def __init__(self, name: str) -> None:
        self.top: Node | None = None
        self._name = name
        self._open: list[_Open] = []
        self._anchored: dict[str, tuple[Node, int] | None] = {}  # None: it has not been read to its end
        self._count = 0

    def take(self, event: Any) -> None:  # noqa: ANN401 - one of PyYAML's events, which share no type that tells more
        position = _position(event.start_mark, self._name)
        if isinstance(event, yaml.DocumentStartEvent) and self.top:
            raise ZtpurgeError("a second document begins", remedy="Keep to one, without `---`", place=position)
        if isinstance(event, yaml.CollectionEndEvent):
            self._close()
        elif isinstance(event, yaml.AliasEvent):
            self._repeat(str(event.anchor), position)
        elif isinstance(event, yaml.NodeEvent):
            self._add(event, position)

    def _add(self, event: Any, position: Position) -> None:  # noqa: ANN401 - as `take`
        if event.tag is not None:
            remedy = f"{_QUOTE}; a tag is never needed"
            raise ZtpurgeError(f"YAML takes `{event.tag[:200]}` for a tag", remedy=remedy, place=position)
        before = self._count
        self._count_nodes(1 + len(getattr(event, "value", "")) // _LONG, position)
        if isinstance(event, yaml.ScalarEvent):
            self._put(Scalar(event.value, not event.style, position), event.anchor, before)
            return
        if len(self._open) == _MAX_DEPTH:
            raise ZtpurgeError(f"it is nested more than {_MAX_DEPTH} deep", place=position)
        if event.anchor:
            self._anchored[event.anchor] = None
        kind = Sequence if isinstance(event, yaml.SequenceStartEvent) else Mapping
        self._open.append(_Open(kind, [], event.anchor, before, position))

    def _close(self) -> None:
        closed = self._open.pop()
        children = closed.children
        node: Node
        if closed.kind is Sequence:
            node = Sequence(tuple(children), closed.position)
        else:
            node = Mapping(tuple(zip(children[::2], children[1::2], strict=True)), closed.position)
        self._put(node, closed.anchor, closed.before)

    def _repeat(self, anchor: str, position: Position) -> None:
        if anchor not in self._anchored:
            raise ZtpurgeError(
                f"there is no anchor `&{anchor[:200]}` above, as YAML's `*` needs", remedy=_QUOTE, place=position
            )
        anchored = self._anchored[anchor]
        if not anchored:
            raise ZtpurgeError(
                f"`*{anchor[:200]}` stands within what it repeats", remedy="Write it out", place=position
            )
        node, count = anchored
        self._count_nodes(count, position)
        self._put(node)

    def _count_nodes(self, more: int, position: Position) -> None:
        self._count += more
        if self._count > _MAX_NODES:
            raise ZtpurgeError(
                f"it holds more than {_MAX_NODES:,} values, aliases written out and long texts counted more than once",
                place=position,
            )

    def _put(self, node: Node, anchor: str | None = None, before: int = 0) -> None:
        if anchor:
            self._anchored[anchor] = node, self._count - before
        if self._open:
            self._open[-1].children.append(node)
        else:
            self.top = node


def _explain(error: yaml.MarkedYAMLError, name: str) -> ZtpurgeError:
    """Say in plain words what PyYAML found."""
    says = ", ".join(filter(None, (error.context, error.problem)))
    told = ((cause, remedy) for sign, cause, remedy in _IN_PLAIN_WORDS if re.search(sign, says))
    cause, remedy = next(told, (f"it is not YAML: {says[:200]}", ""))
    is_unclosed = "quoted scalar" in says and "escape" not in says
    mark = error.context_mark if is_unclosed else error.problem_mark
    return ZtpurgeError(cause, remedy=remedy, place=_position(mark, name))


def _position(mark: Any, name: str) -> Position:  # noqa: ANN401 - PyYAML's mark, whose types say that it may be None
    return Position(name, mark.line + 1, mark.column + 1)


def _end_of(text: str, name: str) -> Position:
    """Return the position right after a file's first characters."""
    return Position(name, text.count("\n") + 1, len(text) - text.rfind("\n"))
