"""The reader of JSON objects: typed values out, every problem kept."""

from __future__ import annotations

import math
from typing import Any

import pytest

from mien.bundle.fields import FieldReader


def read(data: object) -> tuple[FieldReader, list[str]]:
    problems: list[str] = []
    return FieldReader(data, "part.", problems), problems


def test_typed_values_come_out_as_they_are() -> None:
    reader, problems = read(
        {"a": "x", "b": 3, "c": 2, "d": True, "e": ["p"], "f": [1, 2.5], "g": {"h": 1}}
    )
    assert reader.text("a") == "x"
    assert reader.whole("b") == 3
    assert reader.number("c") == 2.0 and isinstance(reader.number("c"), float)
    assert reader.flag("d") is True
    assert reader.strings("e") == ("p",)
    assert reader.numbers("f") == (1.0, 2.5)
    assert reader.mapping("g") == {"h": 1}
    reader.finish()
    assert problems == []


@pytest.mark.parametrize(
    ("method", "value", "told"),
    [
        ("text", 3, "expected a string, got 3"),
        ("text", "", "expected a string that is not empty"),
        ("whole", 1.5, "expected a whole number, got 1.5"),
        ("whole", True, "expected a whole number, got True"),
        ("whole", -1, "expected at least 0, got -1"),
        ("number", "1", "expected a number, got a string"),
        ("number", math.nan, "expected a finite number, got nan"),
        ("number", math.inf, "expected a finite number, got inf"),
        ("number", False, "expected a number, got False"),
        ("flag", 1, "expected true or false, got 1"),
        ("strings", ["a", 1], "expected a list of strings"),
        ("strings", "ab", "expected a list of strings, got a string"),
        ("numbers", [1, "2"], "expected a list of finite numbers"),
        ("numbers", [1, True], "expected a list of finite numbers"),
        ("mapping", [], "expected an object, got a list"),
        ("nested", None, "expected an object, got null"),
        ("parts", {}, "expected a list of objects, got an object"),
    ],
)
def test_a_value_of_the_wrong_kind_is_reported_with_its_place(
    method: str, value: Any, told: str
) -> None:
    reader, problems = read({"key": value})
    getattr(reader, method)("key")
    assert problems == [f"part.key: {told}"]


@pytest.mark.parametrize(
    "method", ["text", "whole", "number", "flag", "strings", "numbers", "mapping", "nested"]
)
def test_a_missing_field_is_reported_once(method: str) -> None:
    reader, problems = read({})
    getattr(reader, method)("key")
    assert len(problems) == 1
    assert problems[0].startswith("part.key: missing; expected ")


def test_fields_that_nobody_took_are_reported() -> None:
    reader, problems = read({"b": 1, "a": 2, "c": 3})
    reader.whole("c")
    reader.finish()
    assert problems == ["part.a: unknown field", "part.b: unknown field"]


def test_what_is_no_object_is_reported_once_and_not_field_by_field() -> None:
    reader, problems = read([1, 2])
    reader.text("a")
    reader.nested("b").whole("c")
    reader.finish()
    assert problems == ["part: expected an object, got a list"]


def test_a_lower_bound_that_must_be_passed_is_named() -> None:
    reader, problems = read({"std": 0})
    reader.number("std", above=0.0)
    assert problems == ["part.std: expected a finite number above 0, got 0"]


def test_items_of_a_list_are_read_with_their_index() -> None:
    reader, problems = read({"heads": [{"n": 1}, {"n": "x"}, 3]})
    for part in reader.parts("heads"):
        part.whole("n")
    assert problems == [
        "part.heads[2]: expected an object, got 3",
        "part.heads[1].n: expected a whole number, got a string",
    ]


def test_a_list_that_is_too_short_is_reported() -> None:
    reader, problems = read({"heads": []})
    assert reader.parts("heads", least=1) == []
    assert problems == ["part.heads: expected at least 1, got 0"]
