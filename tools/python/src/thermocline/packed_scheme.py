"""Which rows of a packed table stand for an id: pure functions of the id and the table's seed.

Written from ThePackedFile.md. Shared row ``i`` has the key ``~i``; an own row the id as its key.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import ErrorCode, ThermoclineError
from .packed_part import damaged, hash_keys, integer

_COMBINE = ("sum", "concatenate", "multiply")
_SHARED_ROWS_MAX = 2**32


class PackedScheme:
    """Made of the scheme in a packed table's schema.

    Attributes
    ----------
    has_own : bool
        Whether an id may have a row of its own.
    part_count : int
        Shared rows that stand for an id, 0 ... 2.
    first_shared : int
        The least key of a shared row where ids may have own ones; those have lesser keys.
    combine : {"sum", "concatenate", "multiply"}
        How two shared rows become one.
    """

    def __init__(self, schema: Any) -> None:
        scheme = schema.get("scheme") if isinstance(schema, dict) else None
        if not isinstance(scheme, dict) or len(scheme) != 1:
            raise damaged("the description has a table without a scheme")
        (self.name, settings), = scheme.items()
        self.has_own = self.name in ("full", "frequencyDoubleHashed", "frequencyFiltered")
        self.part_count = {"full": 0, "hashed": 1, "frequencyFiltered": 1}.get(self.name, 2)
        self.combine = "sum"
        self.first_shared = 2**64 - 1
        if self.name == "frequencyFiltered":
            self._field_shift = 64 - integer(schema, "fieldBits", 0, 32)
            self.first_shared = 2**64 - 2 ** (64 - self._field_shift)
        elif self.name == "frequencyDoubleHashed":
            self._rows = integer(settings, "shared", 1, _SHARED_ROWS_MAX)
            self.first_shared = 2**64 - self._rows
        elif self.name in ("hashed", "doubleHashed", "quotientRemainder"):
            self._rows = integer(settings, "rows", 1, _SHARED_ROWS_MAX)
        elif self.name != "full":
            raise ThermoclineError(ErrorCode.UNSUPPORTED, f"the scheme {self.name}")
        if self.name in ("doubleHashed", "quotientRemainder"):
            self.combine = _COMBINE[integer(settings, "combine", 0, len(_COMBINE) - 1)]
        seed = np.uint64(integer(schema, "seed", 0, 2**64 - 1))
        numbers = np.array([1, 2], np.uint64)
        with np.errstate(over="ignore"):
            self._salts = hash_keys(numbers * np.uint64(0xD1B54A32D192ED03) ^ seed)

    def shared_keys(self, ids: np.ndarray) -> list[np.ndarray]:
        """The keys of the shared rows of ids, one array for each of `part_count`."""
        if self.name == "full":
            return []
        if self.name == "frequencyFiltered":
            if self._field_shift == 64:
                return [~np.zeros_like(ids)]
            return [~(ids >> np.uint64(self._field_shift))]
        rows = np.uint64(self._rows)
        if self.name == "quotientRemainder":
            return [ids // rows, ~(ids % rows)]
        return [~_times(hash_keys(ids ^ salt), rows) for salt in self._salts[:self.part_count]]

    def combined(self, parts: list[np.ndarray]) -> np.ndarray:
        """What the rows of `shared_keys` become."""
        if len(parts) == 1:
            return parts[0]
        if self.combine == "concatenate":
            return np.concatenate(parts, axis=1)
        with np.errstate(over="ignore", invalid="ignore"):
            return parts[0] + parts[1] if self.combine == "sum" else parts[0] * parts[1]


def _times(hashes: np.ndarray, rows: np.uint64) -> np.ndarray:
    """The high 64 bits of the products of hashes and a number up to 2^32."""
    low = (hashes & np.uint64(0xFFFFFFFF)) * rows >> np.uint64(32)
    return (hashes >> np.uint64(32)) * rows + low >> np.uint64(32)
