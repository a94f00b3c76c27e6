# SPDX-License-Identifier: Apache-2.0
"""The ledger for asyncio: many tasks on one pool, as in a web service.

What an order is, and what is told, is as in ``ledger.py``; only what waits is written anew:
``python async_ledger.py WRITER_URL READER_URL``.
"""

from __future__ import annotations

import asyncio
import logging
import sys

from events import ACCOUNTS, OPENING_BALANCE, TASKS, THREADS, EventLog
from sqlalchemy import func, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from aws_advanced_python_wrapper.aio import release_resources_async
from ledger import RECYCLE_AFTER, RETRY_EVERY, SERVER, Account, Base, Entry, Order, noted

WRITE_EVERY = 0.25
"""Seconds that a task rests between two orders."""
READ_EVERY = 0.1
END_WITHIN = 3.0


class AsyncLedger:
    """The application."""

    def __init__(self, writer_url: str, reader_url: str, log: EventLog) -> None:
        self._writer = create_async_engine(writer_url, pool_size=THREADS["write"], max_overflow=0)
        self._reader = create_async_engine(
            reader_url, pool_size=THREADS["read"], max_overflow=0, pool_recycle=RECYCLE_AFTER
        )
        self._server = SERVER[self._writer.dialect.name]
        self._log = log
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Work until standard input ends."""
        await self._open_accounts()
        works = {"write": self._write, "read": self._read}
        tasks = [
            asyncio.create_task(works[role](), name=f"{role}-{number}")
            for role, count in TASKS.items()
            for number in range(1, count + 1)
        ]
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        self._stopping.set()
        _, late = await asyncio.wait(tasks, timeout=END_WITHIN)
        if not late:
            await self._writer.dispose()
            await self._reader.dispose()
            await release_resources_async()

    async def carry_out(self, order: Order) -> None:
        """Do what an order asks for, once, whatever happens to the servers meanwhile."""
        attempt = 0
        while not self._stopping.is_set():
            attempt += 1
            told = {"key": order.key, "attempt": attempt}
            commit_sent = False
            try:
                async with AsyncSession(self._writer) as session:
                    server = await self._book(session, order, attempt)
                    commit_sent = True
                    await session.commit()
                self._log("committed", **told, server=server)
                return
            except OperationalError as error:
                self._log("unknown" if commit_sent else "failed", **told, error=noted(error))
                if commit_sent and await self._has_landed(order, attempt):
                    return
            except IntegrityError as error:
                self._log("refused", **told, error=noted(error))
                return
            except DBAPIError as error:  # trying the same again can't help
                self._log("unknown" if commit_sent else "failed", **told, error=noted(error))
                await self._rest(RETRY_EVERY)
                return
            if attempt > 1:
                await self._rest(RETRY_EVERY)

    async def audit(self) -> None:
        """Check on a reader that money is neither made nor lost."""
        async with AsyncSession(self._reader) as session:
            found = await session.execute(select(func.sum(Account.balance), self._server))
            total, server = found.one()
        right = total == ACCOUNTS * OPENING_BALANCE
        self._log("read" if right else "wrong", server=server)

    async def _book(self, session: AsyncSession, order: Order, attempt: int) -> str:
        both = select(Account).where(Account.id.in_([order.debit, order.credit]))
        # Locked in one order, so that two transfers can't wait for each other.
        accounts = (await session.scalars(both.order_by(Account.id).with_for_update())).all()
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
        await session.flush()
        await session.refresh(entry, ["server"])
        return entry.server

    async def _has_landed(self, order: Order, attempt: int) -> bool:
        """Look whether an attempt whose outcome isn't known took effect."""
        while not self._stopping.is_set():
            try:
                async with AsyncSession(self._writer) as session:
                    entry = await session.get(Entry, order.key)
            except DBAPIError as error:
                self._log("error", error=noted(error))
                await self._rest(RETRY_EVERY)
                continue
            if entry is None:
                self._log("absent", key=order.key, attempt=attempt)
                return False
            self._log("landed", key=order.key, attempt=entry.attempt, server=entry.server)
            return True
        return False

    async def _write(self) -> None:
        while not await self._rest(WRITE_EVERY):
            await self.carry_out(Order.at_random())

    async def _read(self) -> None:
        while not await self._rest(READ_EVERY):
            try:
                await self.audit()
            except DBAPIError as error:
                self._log("error", error=noted(error))

    async def _rest(self, seconds: float) -> bool:
        """Wait; tell whether the application is to end."""
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except asyncio.TimeoutError:
            return False
        return True

    async def _open_accounts(self) -> None:
        async with self._writer.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        async with AsyncSession(self._writer) as session:
            if await session.get(Account, 1) is None:
                opening = [{"id": n, "balance": OPENING_BALANCE} for n in range(1, ACCOUNTS + 1)]
                await session.execute(insert(Account), opening)
            await session.commit()


async def main() -> None:
    """Run the application of the command line."""
    writer_endpoint, reader_endpoint = sys.argv[1:]
    await AsyncLedger(writer_endpoint, reader_endpoint, EventLog(sys.stdout)).run()


if __name__ == "__main__":
    logging.basicConfig(format="%(asctime)s %(threadName)s %(name)s: %(message)s")
    asyncio.run(main())
