"""A table's schema and its 120 bytes on the wire."""

from __future__ import annotations

import dataclasses
import struct
from typing import Sequence, TypeVar

from . import initializers, optimizers, schemes
from .initializers import Initializer
from .optimizers import Optimizer
from .schemes import FrequencyDoubleHashed, FrequencyFiltered, Scheme

PRECISIONS = ("float32", "float16", "int16", "int8")  # The position is the value on the wire.

_LAYOUT = struct.Struct("<I7BxIQ6d2d3QI4x")
SCHEMA_BYTES = _LAYOUT.size
assert SCHEMA_BYTES == 120

_Kind = TypeVar("_Kind")


@dataclasses.dataclass(frozen=True)
class Schema:
    """What all rows of a table have in common.

    Attributes
    ----------
    dimension : int
        Floats in a row.
    hot, cold : str
        Precision of each tier: ``"float32"``, ``"float16"``, ``"int16"`` or ``"int8"``.
    admit_after : int
        How often an id must be seen to earn a row; 1 admits at once. A scheme that goes by
        frequency brings its own number, which is then this one.
    seed : int
        A new row depends on the seed and its id alone.
    state : str
        Precision of the optimizer state: ``"float32"`` or ``"float16"``.
    field_bits : int
        High bits of an id that say its field, 0 to 32.
    time_to_live : int
        Seconds after its last use when a row is gone; 0: never.
    """

    dimension: int
    optimizer: Optimizer
    initializer: Initializer
    hot: str = "float32"
    cold: str = "int16"
    scheme: Scheme = schemes.Full()
    seed: int = 0
    admit_after: int = 1
    state: str = "float32"
    field_bits: int = 0
    time_to_live: int = 0

    def __post_init__(self) -> None:
        for tier in ("hot", "cold", "state"):
            if getattr(self, tier) not in PRECISIONS:
                raise ValueError(
                    f"{tier} must be one of {', '.join(PRECISIONS)}, not {getattr(self, tier)!r}")
        if isinstance(self.scheme, (FrequencyDoubleHashed, FrequencyFiltered)):
            if self.admit_after not in (1, self.scheme.admit_after):
                raise ValueError(
                    f"the scheme admits after {self.scheme.admit_after} sightings, "
                    f"the table after {self.admit_after}")
            object.__setattr__(self, "admit_after", self.scheme.admit_after)

    def encode(self) -> bytes:
        """The 120 bytes of section 4 of Protocol.md.

        Raises
        ------
        ValueError
            A number that its field cannot hold. Whether a table can have the schema is for the
            server to say.
        """
        try:
            return _LAYOUT.pack(
                self.dimension,
                PRECISIONS.index(self.hot),
                PRECISIONS.index(self.cold),
                self.optimizer.code,
                self.initializer.code,
                self.scheme.code,
                PRECISIONS.index(self.state),
                self.field_bits,
                self.admit_after,
                self.seed,
                *_padded(dataclasses.astuple(self.optimizer), 6),
                *_padded(dataclasses.astuple(self.initializer), 2),
                *_padded(schemes.parameters(self.scheme), 3),
                self.time_to_live,
            )
        except struct.error as error:
            raise ValueError(f"schema out of range: {error}") from error

    @classmethod
    def decode(cls, encoded: bytes | bytearray | memoryview) -> Schema:
        """Reads what `encode` writes; ``ValueError`` for what this client does not know."""
        if len(encoded) != SCHEMA_BYTES:
            raise ValueError(f"a schema has {SCHEMA_BYTES} bytes, not {len(encoded)}")
        (dimension, hot, cold, optimizer, initializer, scheme, state, field_bits, admit_after, seed,
         *numbers, time_to_live) = _LAYOUT.unpack(encoded)
        if max(hot, cold, state) >= len(PRECISIONS):
            raise ValueError(f"unknown precision {max(hot, cold, state)}")
        if optimizer not in optimizers.BY_CODE:
            raise ValueError(f"unknown optimizer {optimizer}")
        if initializer not in initializers.BY_CODE:
            raise ValueError(f"unknown initializer {initializer}")
        return cls(
            dimension=dimension,
            optimizer=_construct(optimizers.BY_CODE[optimizer], numbers[0:6]),
            initializer=_construct(initializers.BY_CODE[initializer], numbers[6:8]),
            hot=PRECISIONS[hot],
            cold=PRECISIONS[cold],
            scheme=schemes.from_parameters(scheme, tuple(numbers[8:11]), admit_after),
            seed=seed,
            admit_after=admit_after,
            state=PRECISIONS[state],
            field_bits=field_bits,
            time_to_live=time_to_live,
        )


def _padded(values: Sequence[float], count: int) -> list[float]:
    return [*values, *[0] * (count - len(values))]


def _construct(kind: type[_Kind], numbers: Sequence[float]) -> _Kind:
    """An instance whose fields, in order, are the first of ``numbers``."""
    return kind(*numbers[: len(dataclasses.fields(kind))])  # type: ignore[arg-type]
