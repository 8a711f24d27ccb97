"""A store in a dictionary: the semantics of Protocol.md, section 4, with nothing behind them."""

import math

import numpy as np
from thermocline import optimizers
from thermocline.schema import Schema


class Refused(Exception):
    """A request that gets an error reply of this status."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status
        self.message = message


def start_of(schema, row_id):
    """The row that an unknown id starts with; a function of the seed and the id."""
    random = np.random.default_rng([schema.seed, row_id])
    kind = type(schema.initializer).__name__
    if kind == "Uniform":
        values = random.uniform(schema.initializer.low, schema.initializer.high, schema.dimension)
    elif kind == "Normal":
        values = random.normal(schema.initializer.mean, schema.initializer.std, schema.dimension)
    else:
        values = default_row(schema)
    return np.asarray(values, np.float32)


def default_row(schema):
    means = {
        "Zeros": lambda i: 0.0,
        "Constant": lambda i: i.value,
        "Uniform": lambda i: (i.low + i.high) / 2,
        "Normal": lambda i: i.mean,
    }
    mean = means[type(schema.initializer).__name__](schema.initializer)
    return np.full(schema.dimension, mean, np.float32)


class Step:
    """An optimizer in float32, a row at a time, by the formulas of ``CKernels.h``."""

    def __init__(self, optimizer):
        self.optimizer = optimizer
        self.pushes = 0

    def initial_state(self, dimension):
        start = np.float32(getattr(self.optimizer, "initial_accumulator", 0.0))
        if isinstance(self.optimizer, optimizers.RowwiseAdagrad):
            return [start]
        return [np.full(dimension, start), np.full(dimension, start)]

    def apply(self, w, state, g):
        o, f = self.optimizer, np.float32
        if isinstance(o, optimizers.SGD):
            return w - f(o.learning_rate) * g
        if isinstance(o, optimizers.Momentum):
            state[0] = f(o.momentum) * state[0] + g
            return w - f(o.learning_rate) * state[0]
        if isinstance(o, optimizers.Adagrad):
            state[0] = state[0] + g * g
            return w - f(o.learning_rate) * g / (np.sqrt(state[0]) + f(o.epsilon))
        if isinstance(o, optimizers.RowwiseAdagrad):
            state[0] = state[0] + np.mean(g * g, dtype=f)
            return w - f(o.learning_rate) / (np.sqrt(state[0]) + f(o.epsilon)) * g
        if isinstance(o, optimizers.Adam):
            t = self.pushes
            size = o.learning_rate * math.sqrt(1 - o.beta2**t) / (1 - o.beta1**t)
            state[0] = state[0] + f(1 - o.beta1) * (g - state[0])
            state[1] = state[1] + f(1 - o.beta2) * (g * g - state[1])
            return w - f(size) * state[0] / (np.sqrt(state[1]) + f(o.epsilon))
        alpha, beta, l1, l2 = f(o.alpha), f(o.beta), f(o.l1), f(o.l2)
        z, n = state
        s = (np.sqrt(n + g * g) - np.sqrt(n)) / alpha
        state[0], state[1] = z + g - s * w, n + g * g
        shrunk = (np.sign(state[0]) * l1 - state[0]) / ((beta + np.sqrt(state[1])) / alpha + l2)
        return np.where(np.abs(state[0]) <= l1, f(0), shrunk)


class FakeTable:
    """Rows and optimizer states by id."""

    def __init__(self, name, schema):
        self.name = name
        self.schema = schema
        self.step = Step(schema.optimizer)
        self.rows = {}

    def pull(self, ids, create):
        pulled = np.empty((len(ids), self.schema.dimension), np.float32)
        found = np.empty(len(ids), bool)
        for position, row_id in enumerate(ids.tolist()):
            found[position] = row_id in self.rows
            if create:
                pulled[position] = self._entry(row_id)[0]
            else:
                entry = self.rows.get(row_id)
                pulled[position] = default_row(self.schema) if entry is None else entry[0]
        return pulled, found

    def push(self, ids, gradients):
        named, position = np.unique(ids, return_inverse=True)
        summed = np.zeros((len(named), self.schema.dimension), np.float32)
        np.add.at(summed, position, gradients)
        self.step.pushes += 1
        for row_id, gradient in zip(named.tolist(), summed):
            entry = self._entry(row_id)
            entry[0] = self.step.apply(entry[0], entry[1], gradient)

    def assign(self, ids, rows):
        for row_id, row in zip(ids.tolist(), rows):
            self.rows[row_id] = [row.copy(), self.step.initial_state(self.schema.dimension)]

    def pool(self, ids, offsets, mode, weights, create):
        rows = self.pull(ids, create)[0]
        return pooled(rows, offsets, mode, weights)

    def delete(self, ids):
        return sum(self.rows.pop(row_id, None) is not None for row_id in ids.tolist())

    def _entry(self, row_id):
        if row_id not in self.rows:
            start = start_of(self.schema, row_id)
            self.rows[row_id] = [start, self.step.initial_state(self.schema.dimension)]
        return self.rows[row_id]


def pooled(rows, offsets, mode, weights=None):
    """The reference for pooling: float32[n, d] rows into float32[b, d] bags."""
    bags = np.zeros((len(offsets), rows.shape[1]), np.float32)
    ends = [*offsets[1:], len(rows)]
    for bag, (start, end) in enumerate(zip(offsets, ends)):
        part = rows[start:end]
        if weights is not None:
            part = part * np.asarray(weights, np.float32)[start:end, None]
        if len(part):
            bags[bag] = {"sum": part.sum, "mean": part.mean, "max": part.max}[mode](axis=0)
    return bags


class FakeStore:
    """Tables by number."""

    def __init__(self):
        self.tables = {}

    def create(self, name, encoded_schema, open_existing):
        schema = Schema.decode(encoded_schema)
        for number, table in self.tables.items():
            if table.name == name:
                if open_existing and table.schema == schema:
                    return number, table
                raise Refused(5, f"there is a table {name}")
        number = len(self.tables) + 1
        self.tables[number] = FakeTable(name, schema)
        return number, self.tables[number]

    def named(self, name):
        for number, table in self.tables.items():
            if table.name == name:
                return number, table
        raise Refused(4, f"no table {name}")

    def numbered(self, number):
        if number not in self.tables:
            raise Refused(4, f"no table of number {number}")
        return self.tables[number]
