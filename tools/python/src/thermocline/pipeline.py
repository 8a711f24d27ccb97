"""Several requests in flight on one connection."""

from __future__ import annotations

from types import TracebackType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from . import operations
from .future import Future
from .table import Table

T = TypeVar("T")


class Pipeline:
    """Sends requests without waiting for their replies.

    >>> with client.pipeline() as p:
    ...     items = p.pull(item_table, item_ids)
    ...     users = p.pull(user_table, user_ids)
    ...     scores = (items.result() * users.result()).sum(axis=1)
    ...     p.push(item_table, item_ids, item_gradients)
    ...     p.push(user_table, user_ids, user_gradients)

    Arguments are those of the methods of `Table`, after the table. Each request is on its way
    when its method returns; arrays that were passed may then be changed, but an ``out`` belongs to
    the pipeline until the result is there. A request sees the effect of every earlier write of this
    client to its ids.

    Mistakes that the client itself sees are raised at once. An error reply fails its own future and
    no other. Leaving the block waits for all requests, then raises the first error that no
    ``result()`` has raised before; an exception that leaves the block goes before it.
    """

    def __init__(self) -> None:
        self._futures: list[Future[Any]] = []

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        unread = [future for future in self._futures if not future.read]
        errors = [error for error in (future.exception() for future in unread) if error]
        self._futures.clear()
        if errors and raised is None:
            raise errors[0]

    def pull(
        self,
        table: Table,
        ids: ArrayLike,
        create: bool = True,
        out: np.ndarray | None = None,
        wire: str = "float32",
    ) -> Future[Any]:
        """Rows, or without ``create`` rows and found, as `Table.pull` returns them."""
        return self._remember(operations.pull(table, ids, create, out, wire))

    def push(self, table: Table, ids: ArrayLike, gradients: ArrayLike) -> Future[None]:
        return self._remember(operations.push(table, ids, gradients))

    def assign(self, table: Table, ids: ArrayLike, rows: ArrayLike) -> Future[None]:
        return self._remember(operations.assign(table, ids, rows))

    def pool(
        self,
        table: Table,
        ids: ArrayLike,
        offsets: ArrayLike,
        mode: str = "sum",
        weights: ArrayLike | None = None,
        create: bool = False,
        wire: str = "float32",
    ) -> Future[np.ndarray]:
        return self._remember(
            operations.pool(table, ids, offsets, mode, weights, create, wire))

    def delete(self, table: Table, ids: ArrayLike) -> Future[int]:
        return self._remember(operations.delete(table, ids))

    def prefetch(self, table: Table, ids: ArrayLike) -> Future[int]:
        return self._remember(operations.prefetch(table, ids))

    def _remember(self, future: Future[T]) -> Future[T]:
        self._futures.append(future)
        return future
