"""One family of errors, told apart by what went wrong."""

from __future__ import annotations

import pickle

import pytest

from mien.core import errors

FAMILY = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, Exception)
]


@pytest.mark.parametrize("error", FAMILY)
def test_every_error_is_of_the_family_and_explained(error: type[Exception]) -> None:
    assert issubclass(error, errors.MienError)
    assert error.__doc__


@pytest.mark.parametrize("error", FAMILY)
def test_errors_cross_process_borders_with_their_text(error: type[Exception]) -> None:
    copy = pickle.loads(pickle.dumps(error("expected a, got b; do c")))
    assert type(copy) is error
    assert str(copy) == "expected a, got b; do c"


def test_family_is_no_builtin_error() -> None:
    # A door that catches MienError must not also catch what is a bug.
    assert errors.MienError.__mro__[1] is Exception
