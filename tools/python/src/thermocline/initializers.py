"""How a row starts. Its values depend on the table's seed and the id alone."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Union


@dataclasses.dataclass(frozen=True)
class Zeros:
    """Every element is 0."""

    code: ClassVar[int] = 0


@dataclasses.dataclass(frozen=True)
class Constant:
    """Every element is ``value``."""

    value: float
    code: ClassVar[int] = 1


@dataclasses.dataclass(frozen=True)
class Uniform:
    """Uniform between ``low`` and ``high``."""

    low: float
    high: float
    code: ClassVar[int] = 2


@dataclasses.dataclass(frozen=True)
class Normal:
    """Normal with ``mean`` and standard deviation ``std``, as ``torch.nn.Embedding`` by default."""

    mean: float = 0.0
    std: float = 1.0
    code: ClassVar[int] = 3


Initializer = Union[Zeros, Constant, Uniform, Normal]

BY_CODE: dict[int, type[Initializer]] = {
    initializer.code: initializer for initializer in (Zeros, Constant, Uniform, Normal)
}
