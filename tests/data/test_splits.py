from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.errors import DatasetError
from mien.data import stratified_splits


@given(
    st.lists(st.integers(-1, 6), max_size=300),
    st.integers(0, 2**32),
    st.sampled_from([(0.8, 0.1, 0.1), (0.5, 0.25, 0.25), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)]),
)
def test_every_class_is_dealt_out_in_proportion(
    class_ids: list[int], seed: int, parts: tuple[float, float, float]
) -> None:
    ids = np.array(class_ids, np.int64)
    splits = stratified_splits(ids, seed=seed, parts=parts)
    assert splits.shape == ids.shape and splits.dtype == np.int8
    np.testing.assert_array_equal(splits, stratified_splits(ids, seed=seed, parts=parts))
    for class_id in np.unique(ids):
        counts = np.bincount(splits[ids == class_id], minlength=3)
        assert np.abs(counts - np.array(parts) * counts.sum()).max() <= 1


def test_faces_added_to_one_class_leave_the_others_where_they_were() -> None:
    before = np.array([0] * 20 + [1] * 20)
    after = np.concatenate([before, [0] * 7])
    first, second = (stratified_splits(ids, seed=3) for ids in (before, after))
    np.testing.assert_array_equal(first[20:40], second[20:40])


@pytest.mark.parametrize("parts", [(0.5, 0.2, 0.2), (1.2, -0.1, -0.1)])
def test_parts_must_be_shares(parts: tuple[float, float, float]) -> None:
    with pytest.raises(DatasetError, match="three shares that sum to 1"):
        stratified_splits(np.zeros(3, np.int64), seed=0, parts=parts)
