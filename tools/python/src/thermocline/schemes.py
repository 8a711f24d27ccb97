"""How an id becomes rows. A server that lacks a scheme answers ``UNSUPPORTED``."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Union

# The position of a word is its value on the wire.
COMBINE = ("sum", "concatenate", "multiply")
SCORE = ("count", "gradient_norm")
_WORDS = {"combine": COMBINE, "score": SCORE}


def _check_word(name: str, word: str) -> None:
    if word not in _WORDS[name]:
        raise ValueError(f"{name} must be one of {', '.join(_WORDS[name])}, not {word!r}")


@dataclasses.dataclass(frozen=True)
class Full:
    """A row of its own for every id."""

    code: ClassVar[int] = 0


@dataclasses.dataclass(frozen=True)
class Hashed:
    """Row ``hash(id) mod rows``."""

    rows: int
    code: ClassVar[int] = 1


@dataclasses.dataclass(frozen=True)
class DoubleHashed:
    """Two of ``rows`` shared rows, chosen by two hash functions, summed or concatenated."""

    rows: int
    combine: str = "sum"
    code: ClassVar[int] = 2

    def __post_init__(self) -> None:
        _check_word("combine", self.combine)


@dataclasses.dataclass(frozen=True)
class FrequencyDoubleHashed:
    """A row of its own for each of up to ``own`` ids seen ``admit_after`` times.

    The other ids are sums of two of ``shared`` rows (Zhang et al., RecSys 2020). Where more than
    ``own`` ids qualify, those with the larger score have them: ``"count"`` of their sightings, or
    ``"gradient_norm"``, its sum (CAFE, SIGMOD 2024). An id that has gone quiet loses its own row.
    """

    own: int
    shared: int
    admit_after: int
    score: str = "count"
    code: ClassVar[int] = 3

    def __post_init__(self) -> None:
        _check_word("score", self.score)


@dataclasses.dataclass(frozen=True)
class FrequencyFiltered:
    """A row of its own once an id has been seen ``admit_after`` times.

    Until then ids share one row, or one for each field. Sightings are counted exactly, or, with
    ``counters``, by a counting Bloom filter of so many bytes, which is never too low.
    """

    admit_after: int
    counters: int = 0
    code: ClassVar[int] = 4


@dataclasses.dataclass(frozen=True)
class QuotientRemainder:
    """Rows ``id div rows`` and ``id mod rows``, combined (Shi et al., KDD 2020).

    ``combine`` may also be ``"multiply"``, element by element.
    """

    rows: int
    combine: str = "sum"
    code: ClassVar[int] = 5

    def __post_init__(self) -> None:
        _check_word("combine", self.combine)


@dataclasses.dataclass(frozen=True)
class DeepHash:
    """No rows: ``hashes`` hash values into a network ``hidden`` wide (Kang et al., KDD 2021).

    A pull is its forward pass and a push trains it, at best with large batches. All ids have a
    row, and none can be assigned or deleted. 64 to 256 hashes and 32 to 128 units suit a machine
    of few cores.
    """

    hashes: int
    hidden: int
    code: ClassVar[int] = 6


Scheme = Union[
    Full, Hashed, DoubleHashed, FrequencyDoubleHashed, FrequencyFiltered, QuotientRemainder,
    DeepHash,
]

BY_CODE: dict[int, type[Scheme]] = {
    scheme.code: scheme
    for scheme in (
        Full, Hashed, DoubleHashed, FrequencyDoubleHashed, FrequencyFiltered, QuotientRemainder,
        DeepHash,
    )
}


def parameters(scheme: Scheme) -> list[int]:
    """The scheme's parameters as the integers of the wire.

    They are its fields in order, but for ``admit_after``, which the schema itself carries.
    """
    return [
        _WORDS[name].index(value) if isinstance(value, str) else value
        for name, value in dataclasses.asdict(scheme).items()
        if name != "admit_after"
    ]


def from_parameters(code: int, values: tuple[int, ...], admit_after: int) -> Scheme:
    """The scheme of a code, of its parameters on the wire and of the schema's admission count.

    Raises
    ------
    ValueError
        A code or a word that is not known here.
    """
    if code not in BY_CODE:
        raise ValueError(f"unknown scheme {code}")
    kind, left = BY_CODE[code], iter(values)
    arguments: list[Any] = []
    for field in dataclasses.fields(kind):
        arguments.append(admit_after if field.name == "admit_after" else next(left))
        if field.name in _WORDS:
            words = _WORDS[field.name]
            if arguments[-1] >= len(words):
                raise ValueError(f"unknown {field.name} {arguments[-1]}")
            arguments[-1] = words[arguments[-1]]
    return kind(*arguments)
