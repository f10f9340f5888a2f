"""Transactions: operations are collected, and run as one when the block ends; an exception in it drops them all.

Nothing is written before the commit, so there is nothing to take back, and nobody ever sees a part. The levels of isolation that
NADB names are all served by that one.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Optional

from .basic import check_ttl
from .names import check_key
from .values import ValueInput

if TYPE_CHECKING:
    from .upkeep import Upkeep


class TransactionState(Enum):
    """What became of a transaction."""

    ACTIVE = "active"
    COMMITTED = "committed"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"


@dataclass
class Operation:
    """One change: `set`, `set_with_ttl` or `delete`."""

    op_type: str
    key: str
    value: Optional[ValueInput] = None
    tags: Optional[list[str]] = None
    ttl: Optional[int] = None


@dataclass
class Transaction:
    """Operations that are to be run as one."""

    transaction_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    state: TransactionState = TransactionState.ACTIVE
    operations: list[Operation] = field(default_factory=list)
    created_at: float = field(default_factory=time.time)
    committed_at: Optional[float] = None
    rolled_back_at: Optional[float] = None
    isolation_level: str = "READ_COMMITTED"

    def add_operation(
        self, op_type: str, key: str, value: Optional[ValueInput] = None, tags: Optional[list[str]] = None, ttl: Optional[int] = None
    ) -> Operation:
        if self.state is not TransactionState.ACTIVE:
            raise RuntimeError(f"Cannot add operations to {self.state.value} transaction")
        if op_type not in ("set", "set_with_ttl", "delete"):
            raise ValueError(f"Unknown operation type: {op_type}")
        check_key(key)
        operation = Operation(op_type, key, value, tags, ttl)
        self.operations.append(operation)
        return operation


class TransactionContext:
    """What a `with store.transaction() as tx` block has.

    >>> with store.transaction() as tx:
    ...     tx.set("a", b"1")
    ...     tx.delete("b")
    """

    def __init__(self, manager: TransactionManager, transaction: Transaction) -> None:
        self.manager = manager
        self.transaction = transaction

    def set(self, key: str, value: ValueInput, tags: Optional[list[str]] = None) -> None:
        self.transaction.add_operation("set", key, value, tags)

    def set_with_ttl(self, key: str, value: ValueInput, ttl_seconds: int, tags: Optional[list[str]] = None) -> None:
        check_ttl(ttl_seconds)
        self.transaction.add_operation("set_with_ttl", key, value, tags, ttl_seconds)

    def delete(self, key: str) -> None:
        self.transaction.add_operation("delete", key)

    def batch_set(self, items: list[tuple[str, ValueInput, Optional[list[str]]]]) -> None:
        for key, value, tags in items:
            self.set(key, value, tags)

    def batch_delete(self, keys: list[str]) -> None:
        for key in keys:
            self.delete(key)

    def get_operation_count(self) -> int:
        return len(self.transaction.operations)


class TransactionManager:
    """The transactions of one store."""

    def __init__(self, kv_store: Upkeep) -> None:
        self.kv_store = kv_store
        self._active: dict[str, Transaction] = {}
        self._lock = threading.Lock()

    def begin_transaction(self, isolation_level: str = "READ_COMMITTED") -> Transaction:
        transaction = Transaction(isolation_level=isolation_level)
        with self._lock:
            self._active[transaction.transaction_id] = transaction
        return transaction

    def _end(self, transaction: Transaction, state: TransactionState) -> None:
        transaction.state = state
        with self._lock:
            self._active.pop(transaction.transaction_id, None)

    def commit_transaction(self, transaction: Transaction) -> bool:
        """Runs the operations as one, in their order; with an exception, none of them."""
        if transaction.state is not TransactionState.ACTIVE:
            raise RuntimeError(f"Cannot commit {transaction.state.value} transaction")
        try:
            self.kv_store._run_operations(transaction.operations)
        except BaseException:
            self._end(transaction, TransactionState.ROLLED_BACK)
            transaction.rolled_back_at = time.time()
            raise
        self._end(transaction, TransactionState.COMMITTED)
        transaction.committed_at = time.time()
        return True

    def rollback_transaction(self, transaction: Transaction) -> bool:
        """Drops the operations. False: the transaction has ended before."""
        if transaction.state is not TransactionState.ACTIVE:
            return False
        self._end(transaction, TransactionState.ROLLED_BACK)
        transaction.rolled_back_at = time.time()
        return True

    @contextmanager
    def transaction(self, isolation_level: str = "READ_COMMITTED") -> Iterator[TransactionContext]:
        transaction = self.begin_transaction(isolation_level)
        try:
            yield TransactionContext(self, transaction)
        except BaseException:
            self.rollback_transaction(transaction)
            raise
        if transaction.state is TransactionState.ACTIVE:
            self.commit_transaction(transaction)

    def get_active_transactions(self) -> list[Transaction]:
        with self._lock:
            return list(self._active.values())

    def cleanup_stale_transactions(self, max_age_seconds: float = 3600) -> None:
        """Drops transactions that were begun so long ago and have not ended."""
        for transaction in self.get_active_transactions():
            if time.time() - transaction.created_at > max_age_seconds:
                self.rollback_transaction(transaction)


class Transactions:
    """The calls of a store about transactions."""

    transaction_manager: Optional[TransactionManager]

    def _transactions(self) -> TransactionManager:
        if self.transaction_manager is None:
            raise RuntimeError("Transactions not enabled for this store")
        return self.transaction_manager

    def transaction(self, isolation_level: str = "READ_COMMITTED") -> Any:
        """A block whose changes are made as one, or not at all."""
        return self._transactions().transaction(isolation_level)

    def begin_transaction(self, isolation_level: str = "READ_COMMITTED") -> Transaction:
        return self._transactions().begin_transaction(isolation_level)

    def commit_transaction(self, transaction: Transaction) -> bool:
        return self._transactions().commit_transaction(transaction)

    def rollback_transaction(self, transaction: Transaction) -> bool:
        return self._transactions().rollback_transaction(transaction)
