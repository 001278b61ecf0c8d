"""Reading a JSON object field by field, keeping every problem instead of stopping at one.

A `FieldReader` hands out typed values and notes what is missing, ill-typed or left over;
whoever started it raises once, with all of it.
"""

from __future__ import annotations

import math
from typing import Any


class FieldReader:
    """Takes typed values out of one JSON object; see the module's text.

    A value that cannot be had is reported and replaced by a harmless one of the same type,
    so that reading goes on; the result must not be used if `problems` is not empty.
    """

    def __init__(self, data: object, where: str, problems: list[str]) -> None:
        """Start on one object.

        Args:
            data: What JSON gave; anything but an object is reported.
            where: The object's own path in the file, as `heads[0].`; empty at the top.
            problems: The list that is added to, shared by all readers of one file.
        """
        self.where = where
        self.problems = problems
        self._seen: set[str] = set()
        # An object that is none has been reported as such: its fields are not missing as well.
        self._broken = not isinstance(data, dict)
        self._data: dict[str, Any] = data if isinstance(data, dict) else {}
        if self._broken:
            self.problems.append(
                f"{where.rstrip('.') or 'the file'}: expected an object, got {_kind(data)}"
            )

    @property
    def empty(self) -> bool:
        """Whether the object has no fields, or is none."""
        return not self._data

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the fields that there are."""
        return tuple(self._data)

    def has(self, key: str) -> bool:
        """Tell whether there is such a field and it is not null."""
        return self._data.get(key) is not None

    def complain(self, key: str, text: str) -> None:
        """Report a problem with one field."""
        self.problems.append(f"{self.where}{key}: {text}")

    def text(self, key: str) -> str:
        """Take a string that is not empty."""
        value = self._take(key, str, "a string")
        if value == "":
            self.complain(key, "expected a string that is not empty")
        return value or ""

    def whole(self, key: str, *, least: int = 0) -> int:
        """Take an integer of at least `least`."""
        value = self._take(key, int, "a whole number")
        if value is not None and value < least:
            self.complain(key, f"expected at least {least}, got {value}")
        return least if value is None else value

    def number(self, key: str, *, above: float | None = None) -> float:
        """Take a finite number, greater than `above` where that is given."""
        value = self._take(key, (int, float), "a number")
        if value is None:
            return 1.0
        if not math.isfinite(value) or (above is not None and not value > above):
            self.complain(key, f"expected a finite number{_more_than(above)}, got {value}")
        return float(value)

    def flag(self, key: str) -> bool:
        """Take a boolean."""
        return bool(self._take(key, bool, "true or false"))

    def strings(self, key: str) -> tuple[str, ...]:
        """Take a list of strings."""
        values = self._take(key, list, "a list of strings") or []
        if not all(isinstance(value, str) for value in values):
            self.complain(key, "expected a list of strings")
            return ()
        return tuple(values)

    def numbers(self, key: str) -> tuple[float, ...]:
        """Take a list of finite numbers."""
        values = self._take(key, list, "a list of numbers") or []
        if not all(_is_number(value) and math.isfinite(value) for value in values):
            self.complain(key, "expected a list of finite numbers")
            return ()
        return tuple(float(value) for value in values)

    def mapping(self, key: str) -> dict[str, Any]:
        """Take an object as it is."""
        return self._take(key, dict, "an object") or {}

    def parts(self, key: str, *, least: int = 0) -> list[FieldReader]:
        """Take a list of at least `least` objects and return a reader of each."""
        values = self._take(key, list, "a list of objects")
        if values is not None and len(values) < least:
            self.complain(key, f"expected at least {least}, got {len(values)}")
        return [
            FieldReader(value, f"{self.where}{key}[{index}].", self.problems)
            for index, value in enumerate(values or [])
        ]

    def nested(self, key: str) -> FieldReader:
        """Take an object and return a reader of it."""
        present = self._take(key, dict, "an object")
        reader = FieldReader(present or {}, f"{self.where}{key}.", self.problems)
        reader._broken = present is None
        return reader

    def finish(self) -> None:
        """Report every field that nobody took."""
        for key in sorted(self._data.keys() - self._seen):
            self.complain(key, "unknown field")

    def _take(self, key: str, kinds: type | tuple[type, ...], wanted: str) -> Any:
        self._seen.add(key)
        if self._broken:
            return None
        if key not in self._data:
            self.complain(key, f"missing; expected {wanted}")
            return None
        value = self._data[key]
        # In Python true is an integer; in a file it is not.
        if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
            self.complain(key, f"expected {wanted}, got {_kind(value)}")
            return None
        return value


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _more_than(above: float | None) -> str:
    return "" if above is None else f" above {above:g}"


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", type(None): "null"}
    return names.get(type(value), repr(value))
