# SPDX-License-Identifier: Apache-2.0
"""A ledger: transfers between accounts, each carried out exactly once.

A program as a user could have written it: SQLAlchemy ORM, a pool, threads that write and threads
that audit through the reader endpoint. It knows about failover what the documentation tells: retry
on ``OperationalError``, and when the outcome of a COMMIT isn't known, look before doing it again.

The same code runs with any driver: ``python ledger.py WRITER_URL READER_URL``. It tells its events
on standard output (``events.py``) and ends when standard input does.
"""

from __future__ import annotations

import logging
import random
import sys
import threading
import uuid
from dataclasses import dataclass, field

from events import ACCOUNTS, OPENING_BALANCE, THREADS, EventLog
from sqlalchemy import (
    Engine,
    ForeignKey,
    String,
    create_engine,
    func,
    insert,
    literal_column,
    select,
)
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from aws_advanced_python_wrapper import release_resources

logger = logging.getLogger("ledger")

WRITE_EVERY = 0.025
"""Seconds that a thread rests between two orders: a load that leaves the machine room."""
READ_EVERY = 0.05
RETRY_EVERY = 0.1
SERVER = {
    "postgresql": func.aurora_db_instance_identifier(),
    "mysql": literal_column("@@aurora_server_id"),
}
"""How a server is asked for its id, by the name of SQLAlchemy's dialect."""
RECYCLE_AFTER = 2
"""Seconds after which a reader connection is made anew, so that audits spread over the readers."""
END_WITHIN = 3.0


class Base(DeclarativeBase):
    """The tables of the ledger."""


class Account(Base):
    """An account, which may be overdrawn."""

    __tablename__ = "account"
    id: Mapped[int] = mapped_column(primary_key=True)
    balance: Mapped[int]


class Entry(Base):
    """The journal: one row per order that was carried out."""

    __tablename__ = "journal"
    key: Mapped[str] = mapped_column("order_key", String(32), primary_key=True)
    attempt: Mapped[int]
    debit: Mapped[int] = mapped_column(ForeignKey(Account.id))
    credit: Mapped[int] = mapped_column(ForeignKey(Account.id))
    amount: Mapped[int]
    server: Mapped[str] = mapped_column(String(64))


@dataclass(frozen=True)
class Order:
    """What is to be done once."""

    debit: int
    credit: int
    amount: int
    key: str = field(default_factory=lambda: uuid.uuid4().hex)

    @classmethod
    def at_random(cls) -> Order:
        """Move a small amount between two accounts."""
        debit, credit = random.sample(range(1, ACCOUNTS + 1), 2)
        return cls(debit, credit, random.randint(1, 20))


class Ledger:
    """The application."""

    def __init__(self, writer_url: str, reader_url: str, log: EventLog) -> None:
        self._writer = create_engine(writer_url, pool_size=THREADS["write"], max_overflow=0)
        self._reader = create_engine(
            reader_url, pool_size=THREADS["read"], max_overflow=0, pool_recycle=RECYCLE_AFTER
        )
        self._server = SERVER[self._writer.dialect.name]
        self._log = log
        self._stopping = threading.Event()
        self._works = {"write": self._write, "read": self._read}

    def run(self) -> None:
        """Work until standard input ends."""
        self._open_accounts(self._writer)
        threads = [
            threading.Thread(target=self._works[role], name=f"{role}-{number}", daemon=True)
            for role, count in THREADS.items()
            for number in range(1, count + 1)
        ]
        for thread in threads:
            thread.start()
        sys.stdin.read()
        self._stopping.set()
        for thread in threads:
            thread.join(END_WITHIN)
        if not any(thread.is_alive() for thread in threads):
            self._writer.dispose()
            self._reader.dispose()
            release_resources()

    def carry_out(self, order: Order) -> None:
        """Do what an order asks for, once, whatever happens to the servers meanwhile."""
        attempt = 0
        while not self._stopping.is_set():
            attempt += 1
            told = {"key": order.key, "attempt": attempt}
            commit_sent = False
            try:
                with Session(self._writer) as session:
                    server = self._book(session, order, attempt)
                    commit_sent = True
                    session.commit()
                self._log("committed", **told, server=server)
                return
            except OperationalError as error:
                self._log("unknown" if commit_sent else "failed", **told, error=noted(error))
                if commit_sent and self._has_landed(order, attempt):
                    return
            except IntegrityError as error:
                self._log("refused", **told, error=noted(error))
                return
            except DBAPIError as error:  # trying the same again can't help
                self._log("unknown" if commit_sent else "failed", **told, error=noted(error))
                self._stopping.wait(RETRY_EVERY)
                return
            if attempt > 1:
                self._stopping.wait(RETRY_EVERY)

    def audit(self) -> None:
        """Check on a reader that money is neither made nor lost."""
        with Session(self._reader) as session:
            total, server = session.execute(select(func.sum(Account.balance), self._server)).one()
        right = total == ACCOUNTS * OPENING_BALANCE
        self._log("read" if right else "wrong", server=server)

    def _book(self, session: Session, order: Order, attempt: int) -> str:
        both = select(Account).where(Account.id.in_([order.debit, order.credit]))
        # Locked in one order, so that two transfers can't wait for each other.
        accounts = session.scalars(both.order_by(Account.id).with_for_update()).all()
        by_id = {account.id: account for account in accounts}
        by_id[order.debit].balance -= order.amount
        by_id[order.credit].balance += order.amount
        entry = Entry(
            key=order.key,
            attempt=attempt,
            debit=order.debit,
            credit=order.credit,
            amount=order.amount,
            server=self._server,
        )
        session.add(entry)
        session.flush()
        return entry.server

    def _has_landed(self, order: Order, attempt: int) -> bool:
        """Look whether an attempt whose outcome isn't known took effect."""
        while not self._stopping.is_set():
            try:
                with Session(self._writer) as session:
                    entry = session.get(Entry, order.key)
            except DBAPIError as error:
                self._log("error", error=noted(error))
                self._stopping.wait(RETRY_EVERY)
                continue
            if entry is None:
                self._log("absent", key=order.key, attempt=attempt)
                return False
            self._log("landed", key=order.key, attempt=entry.attempt, server=entry.server)
            return True
        return False

    def _write(self) -> None:
        while not self._stopping.wait(WRITE_EVERY):
            self.carry_out(Order.at_random())

    def _read(self) -> None:
        while not self._stopping.wait(READ_EVERY):
            try:
                self.audit()
            except DBAPIError as error:
                self._log("error", error=noted(error))

    @staticmethod
    def _open_accounts(engine: Engine) -> None:
        Base.metadata.create_all(engine)
        with Session(engine) as session:
            if session.get(Account, 1) is None:
                opening = [{"id": n, "balance": OPENING_BALANCE} for n in range(1, ACCOUNTS + 1)]
                session.execute(insert(Account), opening)
            session.commit()


def noted(error: DBAPIError) -> str:
    """Log an error and return the name of its class, the driver's."""
    logger.warning("%s: %s", type(error.orig).__name__, error.orig)
    return type(error.orig).__name__


if __name__ == "__main__":
    logging.basicConfig(format="%(asctime)s %(threadName)s %(name)s: %(message)s")
    writer_endpoint, reader_endpoint = sys.argv[1:]
    Ledger(writer_endpoint, reader_endpoint, EventLog(sys.stdout)).run()
