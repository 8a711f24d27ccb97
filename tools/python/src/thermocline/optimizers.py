"""The optimizers a table can have. Defaults are those of ``torch.optim``."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Union


@dataclasses.dataclass(frozen=True)
class SGD:
    """``w -= learning_rate * g``, as ``torch.optim.SGD``."""

    learning_rate: float = 1e-3
    code: ClassVar[int] = 0


@dataclasses.dataclass(frozen=True)
class Momentum:
    """``b = momentum * b + g; w -= learning_rate * b``, as ``torch.optim.SGD(momentum=...)``.

    Unlike torch's, the buffer of a row that a push does not name neither decays nor moves the row.
    """

    learning_rate: float = 1e-3
    momentum: float = 0.9
    code: ClassVar[int] = 1


@dataclasses.dataclass(frozen=True)
class Adagrad:
    """``a += g*g; w -= learning_rate * g / (sqrt(a) + epsilon)``, as ``torch.optim.Adagrad``."""

    learning_rate: float = 1e-2
    initial_accumulator: float = 0.0
    epsilon: float = 1e-10
    code: ClassVar[int] = 2


@dataclasses.dataclass(frozen=True)
class RowwiseAdagrad:
    """Adagrad with one accumulator a row, which gathers ``mean(g*g)``."""

    learning_rate: float = 1e-2
    initial_accumulator: float = 0.0
    epsilon: float = 1e-10
    code: ClassVar[int] = 3


@dataclasses.dataclass(frozen=True)
class Adam:
    """As ``torch.optim.SparseAdam``; the step counts pushes to the table."""

    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    code: ClassVar[int] = 4


@dataclasses.dataclass(frozen=True)
class FTRL:
    """FTRL-Proximal, per coordinate (McMahan et al., KDD 2013, algorithm 1)."""

    alpha: float = 0.05
    beta: float = 1.0
    l1: float = 0.0
    l2: float = 0.0
    code: ClassVar[int] = 5


Optimizer = Union[SGD, Momentum, Adagrad, RowwiseAdagrad, Adam, FTRL]

BY_CODE: dict[int, type[Optimizer]] = {
    optimizer.code: optimizer
    for optimizer in (SGD, Momentum, Adagrad, RowwiseAdagrad, Adam, FTRL)
}
