"""Any bytes become a tree with positions or one problem, in plain words and where it stands."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tables import cases
from ztpurge.errors import Position, ZtpurgeError
from ztpurge.site.document import Mapping, Node, Scalar, Sequence, parse_document

TAKEN_FOR_ALIAS = "YAML takes this for an alias or an anchor. If it is a text, put it in quotes"
NOT_FITTING = "this does not fit what stands before it. Check indentation, brackets and quotes"
NO_KEY = "the `:` makes a key here, where none can stand. Check the indentation. If it is a text, put it in quotes"
UNCLOSED = "the quotes that open here are never closed. Close them"
UNCLOSED_LIST = "a `,` or the closing bracket is missing here. Close the bracket. If it is a text, put it in quotes"
BAD_START = "no text without quotes begins with this character. If it is a text, put it in quotes"
A_TAG = "YAML takes `{}` for a tag. If it is a text, put it in quotes; a tag is never needed"
TOO_MANY = "it holds more than 20,000 values, aliases written out and long texts counted more than once"


def plain(node: Node) -> object:
    """Return what a tree holds, as YAML's simplest schema has it: every scalar is a text."""
    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return {plain(key): plain(value) for key, value in node.entries}


@cases("text holds", {
    "nothing": ("", ""), "a comment": ("# a\n", ""), "an empty document": ("---\n", ""),
    "a byte order mark": ("\ufeffa: b", {"a": "b"}),
    "lists and mappings": ("a:\n  - b\n  - {c: [d]}\n", {"a": ["b", {"c": ["d"]}]}),
    "texts as they are spelled": ("[010, 1.10, yes, ~, 2024-01-01]", ["010", "1.10", "yes", "~", "2024-01-01"]),
    "escapes": (r"""["\u00e9\t", 'it''s']""", ["\u00e9\t", "it's"]),
    "aliases": ("a: &x [b, &y c]\nd: *x\ne: *y", {"a": ["b", "c"], "d": ["b", "c"], "e": "c"}),
    "an anchor that is given again": ("[&x a, &x b, *x]", ["a", "b", "b"]),
    "20 levels": ("[" * 20 + "]" * 20, json.loads("[" * 20 + "]" * 20)),
})  # fmt: skip
def test_a_document_is_read_as_texts(text: str, holds: object) -> None:
    assert plain(parse_document(text.encode(), "f")) == holds


@cases("text is_empty boolean shown", {
    "nothing": ("", True, None, "nothing"), "null": ("null", True, None, "nothing"), "~": ("~", True, None, "nothing"),
    "null in quotes": ("'null'", False, None, "'null' in quotes"),
    "true": ("true", False, True, "the boolean true"),
    "FALSE": ("FALSE", False, False, "the boolean FALSE"),
    "true in quotes": ('"true"', False, None, "'true' in quotes"),
    "a block": ("|-\n true", False, None, "'true' in quotes"),
    **{text: (text, False, None, repr(text)) for text in ("yes", "on", "tRUE", "1", "nULL")},
})  # fmt: skip
def test_a_scalar_is_what_yaml_1_2_takes_it_for(text: str, is_empty: bool, boolean: bool | None, shown: str) -> None:
    scalar = parse_document(text.encode(), "f")
    assert isinstance(scalar, Scalar)
    assert (scalar.is_empty, scalar.boolean, str(scalar)) == (is_empty, boolean, shown)


def test_parts_know_where_they_stand() -> None:
    top = parse_document("# é\nä: [b,\n  {c: d}]\n".encode(), "dir/f.yml")
    assert isinstance(top, Mapping)
    ((key, value),) = top.entries
    assert isinstance(value, Sequence)
    places = [top.position, key.position, value.position, *(item.position for item in value.items)]
    assert list(map(str, places)) == [f"dir/f.yml:{place}" for place in ("2:1", "2:1", "2:4", "2:5", "3:3")]


@cases("data place problem", {
    "not UTF-8": ("é\nöä".encode() + b"\xff", "2:3", "it is not UTF-8. Save the file as UTF-8"),
    "UTF-16": ("a: b".encode("utf-16"), "1:1", "it is not UTF-8. Save the file as UTF-8"),
    "NUL": (b"a: b\nc\0", "2:2", "the character U+0000 cannot stand in YAML. Take it out"),
    "two documents": (b"a: 1\n---\nb: 2", "2:1", "a second document begins. Keep to one, without `---`"),
    "a tab": (b"a:\n\tb: c", "2:1", "a tab stands where YAML takes only blanks. Indent with blanks"),
    "a pattern that begins with *": (b"- *.map", "1:4", TAKEN_FOR_ALIAS),
    "a pattern that begins with **": (b"[**/*.map]", "1:3", TAKEN_FOR_ALIAS),
    "a pattern that begins with * and a letter": (
        b"- *map", "1:3", "there is no anchor `&map` above, as YAML's `*` needs. If it is a text, put it in quotes",
    ),
    "a pattern that begins with !": (b"- !a.map", "1:3", A_TAG.format("!a.map")),
    "a tag of PyYAML": (b"a: !!python/name:os.open", "1:4", A_TAG.format("tag:yaml.org,2002:python/name:os.open")),
    "a tag without its handle": (b"!e!a b", "1:1", "YAML takes this for a tag. If it is a text, put it in quotes"),
    "a text that begins with @": (b"- @a", "1:3", BAD_START),
    "quotes that stay open": (b"a: b\nc: 'd\ne: f", "2:4", UNCLOSED),
    "quotes over a document's end": (b'a: "b\n---\n', "1:4", UNCLOSED),
    "no such escape": (
        rb'"a\q"', "1:4", "this is no escape within double quotes. Double the backslash, or use single quotes",
    ),
    "no such character": (rb'"\U00110000"', "1:4", "a number here is too large"),
    "no such version": (b"%YAML 1." + b"9" * 5000 + b"\n--- a", "1:9", "a number here is too large"),
    "two keys in a line": (b"a: b: c", "1:5", NO_KEY), "a key without its blank": (b"a:b\nc: d", "2:2", NO_KEY),
    "a key without its colon": (b"a: b\nc\nd: e", "3:1", "a key stands here without its `:`. Write `key: value`"),
    "indented less": (b"a:\n  b: c\n d: e", "3:2", NOT_FITTING),
    "a list beside keys": (b"- a\nb: c", "2:1", NOT_FITTING),
    "a capture in a list": (b"[https://a/{b}/]", "1:12", UNCLOSED_LIST),
    "a capture at the beginning": (b"a: {b}.md", "1:7", NOT_FITTING),
    "a list that stays open": (b"a: [b, c\nd: e", "2:2", UNCLOSED_LIST),
    "anything else": (b"a: b\n...\n]", "3:1", "it is not YAML: expected '<document start>', but found ']'"),
    "an alias of itself": (b"a: &a [*a]", "1:8", "`*a` stands within what it repeats. Write it out"),
    "21 levels": (b"[" * 100_000, "1:21", "it is nested more than 20 deep"),
    "20,001 values": (b"[" + b"a," * 20_000, "1:40000", TOO_MANY),
    "aliases of aliases": (b"".join([
        b"- &l0 [a, a]\n", *(b"- &l%d [*l%d, *l%d]\n" % (level, level - 1, level - 1) for level in range(1, 64)),
    ]), "13:9", TOO_MANY),
    "aliases within each other": (b"- &l0 [a]\n" + b"".join(
        b"- &l%d [*l%d]\n" % (level, level - 1) for level in range(1, 20_000)
    ), "199:10", TOO_MANY),
})  # fmt: skip
def test_what_is_wrong_is_said_in_plain_words(data: bytes, place: str, problem: str) -> None:
    with pytest.raises(ZtpurgeError) as caught:
        parse_document(data, "f.yml")
    assert (caught.value.place, str(caught.value)) == (f"f.yml:{place}", problem)


MARKS = st.sampled_from([
    *"[]{}:,-?&*!|>'\"%@`#~\n \t\0\\ab0\ufeff\u2028", ": ", "- ", "? ", "\n  ", "\n- ", "&a ", "*a", "!a ", "---\n",
    "...\n", "%YAML 1.", "\\x", "\\U", "<<", "|+2\n", "''",
])  # fmt: skip


@given(st.binary() | st.text().map(str.encode) | st.lists(MARKS).map("".join).map(str.encode))
def test_any_bytes_are_a_tree_or_one_problem_in_the_file(data: bytes) -> None:
    try:
        position: Position | None = parse_document(data, "f").position
    except ZtpurgeError as error:
        position = error.position
    assert position is not None
    assert 1 <= position.line <= len(data.decode("utf-8", "replace").splitlines()) + 1
    assert 1 <= position.column <= len(data) + 1
