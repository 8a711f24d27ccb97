"""Client of Thermocline, an embedding store with two temperatures.

>>> import numpy as np, thermocline
>>> client = thermocline.connect("unix:/run/thermocline.sock")
>>> table = client.create_table("item", dim=16, optimizer=thermocline.Adagrad(0.05))
>>> rows = table.pull(np.array([1, 2, 3], np.uint64))
>>> table.push([1, 2, 3], np.ones_like(rows))
"""

from .access import TLS
from .client import Client, connect
from .errors import ErrorCode, ThermoclineError
from .future import Future
from .initializers import Constant, Initializer, Normal, Uniform, Zeros
from .optimizers import FTRL, SGD, Adagrad, Adam, Momentum, Optimizer, RowwiseAdagrad
from .packed import PackedStore, PackedTable, open_packed
from .pipeline import Pipeline
from .protocol import Capability, Limits
from .schema import Schema
from .schemes import (
    DeepHash,
    DoubleHashed,
    FrequencyDoubleHashed,
    FrequencyFiltered,
    Full,
    Hashed,
    QuotientRemainder,
    Scheme,
)
from .string_ids import hash_ids, string_id
from .table import Table

__version__ = "0.1.0"

__all__ = [
    "Adagrad",
    "Adam",
    "Capability",
    "Client",
    "Constant",
    "DeepHash",
    "DoubleHashed",
    "ErrorCode",
    "FTRL",
    "FrequencyDoubleHashed",
    "FrequencyFiltered",
    "Full",
    "Future",
    "Hashed",
    "Initializer",
    "Limits",
    "Momentum",
    "Normal",
    "Optimizer",
    "PackedStore",
    "PackedTable",
    "Pipeline",
    "QuotientRemainder",
    "RowwiseAdagrad",
    "SGD",
    "Schema",
    "Scheme",
    "TLS",
    "Table",
    "ThermoclineError",
    "Uniform",
    "Zeros",
    "connect",
    "hash_ids",
    "open_packed",
    "string_id",
]
