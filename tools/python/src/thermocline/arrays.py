"""What callers pass, checked and brought into the form that goes on the wire.

Arrays that already have that form are sent from where they lie.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .errors import ErrorCode, ThermoclineError

ID_MAX = 2**64 - 1


def as_ids(ids: ArrayLike, what: str = "ids") -> np.ndarray:
    """A C-contiguous uint64 array of the same shape.

    Raises
    ------
    TypeError
        Not integers: a float cannot hold every id.
    ValueError
        A negative integer: it may have been meant as an unsigned one, or be a mistake.
    """
    array = np.asarray(ids)
    if not isinstance(ids, np.ndarray) and array.dtype.kind in "fO":
        # Older numpy makes floats of a list with integers on both sides of 2**63, and of [].
        array = _integers_of_sequence(ids, what)
    if array.dtype.kind not in "ui":
        raise TypeError(f"{what} must be integers, not {array.dtype}")
    if array.dtype.kind == "i" and array.size and array.min() < 0:
        raise ValueError(f"{what} must not be negative; use .view(np.uint64) for hashes")
    return np.ascontiguousarray(array, "<u8").reshape(array.shape)


def _integers_of_sequence(ids: ArrayLike, what: str) -> np.ndarray:
    objects = np.array(ids, dtype=object)
    for element in objects.flat:
        if isinstance(element, bool) or not isinstance(element, (int, np.integer)):
            raise TypeError(f"{what} must be integers, not {type(element).__name__}")
        if not 0 <= element <= ID_MAX:
            raise ValueError(f"{what} must be in 0 ... 2**64 - 1, not {element}")
    return objects.astype("<u8")


def as_rows(rows: ArrayLike, ids: np.ndarray, dimension: int, what: str) -> np.ndarray:
    """A C-contiguous float32[n, dimension] array: one row for each of the n ``ids``.

    Raises
    ------
    TypeError
        Not real numbers.
    ValueError
        Not a row for each id.
    ThermoclineError
        ``DIMENSION_MISMATCH``: rows of another dimension than the table's.
    """
    array = np.asarray(rows)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{what} must be real numbers, not {array.dtype}")
    if array.ndim == 0 or array.shape[:-1] != ids.shape:
        raise ValueError(
            f"{what} must have the shape {(*ids.shape, dimension)}, not {array.shape}")
    if array.shape[-1] != dimension:
        raise ThermoclineError(
            ErrorCode.DIMENSION_MISMATCH,
            f"{what} have {array.shape[-1]} elements a row, the table's rows {dimension}")
    with np.errstate(over="ignore"):  # What overflows is infinite, and refused as such.
        narrowed = np.ascontiguousarray(array, "<f4")
    return narrowed.reshape(-1, dimension)


def as_weights(weights: ArrayLike, count: int) -> np.ndarray:
    """A C-contiguous float32[count] array; TypeError or ValueError if it cannot be one."""
    array = np.asarray(weights)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"weights must be real numbers, not {array.dtype}")
    if array.shape != (count,):
        raise ValueError(f"weights must have the shape {(count,)}, not {array.shape}")
    return np.ascontiguousarray(array, "<f4")


def as_out(out: np.ndarray | None, shape: tuple[int, ...]) -> np.ndarray:
    """The array to receive rows into: ``out`` if it is given and fits, else a new one."""
    if out is None:
        return np.empty(shape, "<f4")
    if not isinstance(out, np.ndarray) or out.dtype != np.dtype("<f4"):
        raise TypeError("out must be a float32 array")
    if out.shape != shape:
        raise ValueError(f"out must have the shape {shape}, not {out.shape}")
    if not (out.flags.c_contiguous and out.flags.writeable):
        raise ValueError("out must be C-contiguous and writeable")
    return out
