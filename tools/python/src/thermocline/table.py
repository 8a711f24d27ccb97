"""A table of a store."""

from __future__ import annotations

from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike

from . import operations
from .connection import Connection
from .protocol import Operation, decode_json, decode_number, encode_shrink
from .replies import DecodedReply
from .schema import Schema


class Table:
    """A named set of rows with one schema, reached through a client's connection.

    Ids are integers in ``0 ... 2**64 - 1``, in arrays of an unsigned dtype, or of a signed one
    without negative values. Made by `Client.create_table` and `Client.table`.

    Attributes
    ----------
    name : str
    schema : Schema
    number : int
        The server's number for the table, while it runs.
    """

    def __init__(self, connection: Connection, number: int, name: str, schema: Schema) -> None:
        self.connection = connection
        self.number = number
        self.name = name
        self.schema = schema

    def __repr__(self) -> str:
        return f"<Table {self.name!r}, dimension {self.dim}, at {self.connection.address}>"

    @property
    def dim(self) -> int:
        """Floats in a row."""
        return self.schema.dimension

    @overload
    def pull(
        self, ids: ArrayLike, create: Literal[True] = True,
        out: np.ndarray | None = None, wire: str = "float32",
    ) -> np.ndarray: ...

    @overload
    def pull(
        self, ids: ArrayLike, create: Literal[False],
        out: np.ndarray | None = None, wire: str = "float32",
    ) -> tuple[np.ndarray, np.ndarray]: ...

    def pull(
        self, ids: ArrayLike, create: bool = True,
        out: np.ndarray | None = None, wire: str = "float32",
    ) -> Any:
        """Reads rows.

        More ids than one request may hold are pulled in several.

        Parameters
        ----------
        ids : integer array of any shape
        create : bool
            Whether an unknown id gets a row (for training). Without it nothing is
            created, and an unknown id gives the table's default row (for serving).
        out : float32 array of the shape of ``ids`` and (dim,), C-contiguous, optional
            Received into, and returned as the rows. After an error its content is undefined.
        wire : {"float32", "float16", "int16"}
            How rows travel; the narrower formats round.

        Returns
        -------
        rows : float32, shape of ``ids`` and (dim,)
        found : bool, shape of ``ids``
            Only without ``create``: which ids have a row.

        Raises
        ------
        TypeError, ValueError
            Ids that are none, or an ``out`` that does not fit.
        ThermoclineError
            What the server answers; ``UNSUPPORTED`` for a wire format it does not grant.
        ConnectionError, TimeoutError
            The connection is lost.
        """
        return operations.pull(self, ids, create, out, wire).result()

    def push(self, ids: ArrayLike, gradients: ArrayLike) -> None:
        """Applies gradients; returns once they are applied, all or none.

        The gradients of an id that comes several times are summed first, then the optimizer takes
        one step. Unknown ids are created.

        Parameters
        ----------
        ids : integer array of any shape
        gradients : real array, shape of ``ids`` and (dim,)
            Sent as float32, without a copy if they are and are C-contiguous.

        Raises
        ------
        TypeError, ValueError
            Ids that are none, or not one gradient for each.
        ThermoclineError
            ``DIMENSION_MISMATCH``; ``TOO_MANY_IDS`` or ``TOO_LARGE`` before anything is sent,
            as a push is never split; ``NON_FINITE``; ``READ_ONLY``; what else the server answers.
        ConnectionError, TimeoutError
            The connection is lost; whether the push was applied is not known.
        """
        operations.push(self, ids, gradients).result()

    def assign(self, ids: ArrayLike, rows: ArrayLike) -> None:
        """Replaces rows and resets their optimizer state; the last of an id's rows counts.

        Shapes and errors are those of `push`.
        """
        operations.assign(self, ids, rows).result()

    def pool(
        self,
        ids: ArrayLike,
        offsets: ArrayLike,
        mode: str = "sum",
        weights: ArrayLike | None = None,
        create: bool = False,
        wire: str = "float32",
    ) -> np.ndarray:
        """Reads one combined row per bag of ids, as ``torch.nn.EmbeddingBag`` does.

        Parameters
        ----------
        ids : integer array of shape (n,)
        offsets : integer array of shape (b,)
            Bag i is ``ids[offsets[i]:offsets[i + 1]]``; the last ends at n. ``offsets[0]`` is 0.
        mode : {"sum", "mean", "max"}
            An empty bag is zeros.
        weights : real array of shape (n,), optional
            Factors of the rows; with mode ``"sum"`` only.
        create : bool
            As in `pull`, but off unless asked for: pooling is mostly for serving.

        Returns
        -------
        float32 of shape (b, dim)

        Raises
        ------
        TypeError, ValueError, ThermoclineError, ConnectionError, TimeoutError
            As `pull`. A pool is never split: ``TOO_MANY_IDS`` or ``TOO_LARGE`` above the limits.
        """
        return operations.pool(self, ids, offsets, mode, weights, create, wire).result()

    def delete(self, ids: ArrayLike) -> int:
        """Removes the rows of ids of shape (n,); returns how many there were."""
        return operations.delete(self, ids).result()

    def admit(self, ids: ArrayLike) -> int:
        """Gives rows of their own to ids that are known to be frequent, while there is room.

        For a table whose scheme goes by frequency; anything else is ``UNSUPPORTED``. The rows start
        as what the ids were served so far, and stay when the ids go quiet. Returns how many ids got
        one.
        """
        return operations.admit(self, ids).result()

    def prefetch(self, ids: ArrayLike) -> int:
        """Announces ids that will soon be pulled or pooled; returns how many rows are held.

        Their rows are read into memory, and stay there until they have been asked for as often as
        they come here, for 30 seconds at most, or until the client closes. Announce the batches in
        the order in which they will come, each with the ids that its pull will have. Ids without a
        row are passed over, and fewer rows are held where announcements take a quarter of the
        memory. ``UNSUPPORTED`` where the server has no such request.

        In a pipeline, ``pipeline.prefetch`` does not wait for the disk.
        """
        return operations.prefetch(self, ids).result()

    def shrink(self, *, min_frequency: int = 0, max_age: int | None = None) -> int:
        """Removes rows for good; returns how many. Rows that have outlived the table's time to
        live go in any case.

        Parameters
        ----------
        min_frequency : int
            Rows that are used less often go. Uses count half with every epoch of the store; of a
            row that is on disk alone they are known to within a factor of two.
        max_age : int, optional
            Rows that were last used more seconds ago go; at least 1.

        Raises
        ------
        ValueError
            A number that is out of range.
        ThermoclineError
            ``UNSUPPORTED`` for an age in a table without a time to live.
        """
        if not 0 <= min_frequency < 2**32:
            raise ValueError(f"min_frequency must be 0 to 2**32 - 1, not {min_frequency}")
        if max_age is not None and not 1 <= max_age < 2**32:
            raise ValueError(f"max_age must be 1 to 2**32 - 1 seconds, not {max_age}")
        reply = DecodedReply(lambda body, number: decode_number(body))
        return operations.request(
            self.connection, Operation.SHRINK, reply, [encode_shrink(min_frequency, max_age or 0)],
            self.number).result()

    def __len__(self) -> int:
        """The number of rows, asked from the server."""
        reply = DecodedReply(lambda body, number: decode_number(body))
        return operations.request(
            self.connection, Operation.COUNT, reply, table=self.number).result()

    def __bool__(self) -> bool:
        """True, also for an empty table: a truth test should not ask the server."""
        return True

    def stats(self) -> dict[str, Any]:
        """The table's part of the server's statistics."""
        reply = DecodedReply(lambda body, number: decode_json(body))
        return operations.request(
            self.connection, Operation.STATS, reply, table=self.number).result()
