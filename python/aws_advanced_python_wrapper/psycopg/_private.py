# SPDX-License-Identifier: Apache-2.0
"""What the face uses of psycopg beyond what its documentation promises. Nothing else spells it."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from traceback import walk_tb
from typing import TYPE_CHECKING, Any
from weakref import ref

import psycopg
from psycopg import pq

from .._core.private_names import PrivateName, PrivateNames, look_up

if TYPE_CHECKING:
    from psycopg._preparing import Prepare, PrepareManager
else:
    Prepare = look_up("psycopg._preparing", "Prepare")
    PrepareManager = look_up("psycopg._preparing", "PrepareManager", object)

TOLD_SETTINGS = (
    "what a session was told by SQL is not told to the next one after a failover, but for the "
    "settings that servers report"
)
SETTINGS_BEFORE = "the settings that a lost transaction had made stay set after a failover"
LOGIN_KEYS = "the logins of a failover hash the password anew each time, for lack of SCRAM keys"
OLD_CURSORS = "a cursor that was made before a failover can't be used after it"
OLD_SERVER_CURSORS = "a server-side cursor can't be executed again after a failover"
LINK_OF_ERROR = "the error of a login of a failover has no pgconn"

COMMIT, ROLLBACK, END_PREPARED = "_commit_gen", "_rollback_gen", "_tpc_finish_gen"
ENDS = (COMMIT, ROLLBACK, END_PREPARED)
"""The methods of a connection that end its transaction."""
QUERY = "_start_query"
REFUSED_AT_ONCE = (QUERY, "_check_intrans_gen", "_tpc_begin_gen")
"""The methods of a connection that work begins with: queries, by the first one, and what a block
refuses. What ends work (of cursors, COPY, pipelines) goes on."""
_OF_TEXTS = (
    "_execute_gen",
    "_executemany_gen_pipeline",
    "_executemany_gen_no_pipeline",
    "_stream_send_gen",
)
_BEGIN_OF_BLOCK, _END_OF_BLOCK = "_enter_gen", "_exit_gen"
_STANDING_ALONE = (
    *_OF_TEXTS,
    END_PREPARED,
    _BEGIN_OF_BLOCK,
    "_start_copy_gen",
    "_declare_gen",
    "_tpc_begin_gen",
)
"""The methods that refer to nothing that an earlier call has left on the link; others are not known
to."""
_SILENT_WHEN_IDLE = (
    COMMIT,
    ROLLBACK,
    "_set_autocommit_gen",
    "_set_isolation_level_gen",
    "_set_read_only_gen",
    "_set_deferrable_gen",
)
"""The methods that send nothing without an open transaction."""
_PREPARING = "_maybe_prepare_gen"


def _names(owner: str, *names: str, feature: str = "") -> list[PrivateName]:
    return [PrivateName(owner, name, feature) for name in names]


def _owners() -> dict[str, Any]:
    # A connection that never had a server: libpq refuses the port before it opens anything.
    connection: psycopg.Connection[Any] = psycopg.Connection(pq.PGconn.connect_start(b"port=x"))
    owners = {
        "generators": look_up("psycopg", "generators"),
        "errors": psycopg.errors,
        "_encodings": look_up("psycopg", "_encodings"),
        "_preparing": look_up("psycopg", "_preparing"),
        "Connection": connection,
        "Cursor": psycopg.Cursor,
        "ServerCursor": psycopg.ServerCursor,
        "Transaction": psycopg.Transaction(connection),
        "Pipeline": psycopg.Pipeline(connection),
        "PrepareManager": None if PrepareManager is object else PrepareManager(),
    }
    for owner, function in {
        ("Connection", END_PREPARED),
        ("Transaction", _END_OF_BLOCK),
        ("Cursor", _PREPARING),
        *(("Cursor", name) for name in _OF_TEXTS),
    }:
        owners[f"{owner}.{function}()"] = getattr(owners[owner], function, None)
    return owners


NAMES = PrivateNames(
    "psycopg",
    psycopg.__version__,
    [
        *_names("generators", "execute"),
        *_names("errors", "error_from_result"),
        *_names("Connection", "wait", "lock", "_closed", "_notice_handler", "_notify_handler"),
        *_names("Connection", "_num_transactions", "_pipeline", "_prepared", "_tpc"),
        *_names("Connection", *REFUSED_AT_ONCE, *ENDS),
        *_names(f"Connection.{END_PREPARED}()", "action"),
        *_names("Transaction", "force_rollback", "_outer_transaction"),
        *_names("Pipeline", "command_queue", "result_queue", "pgconn"),
        *_names("Cursor", *_OF_TEXTS),
        *(one for name in _OF_TEXTS for one in _names(f"Cursor.{name}()", "query")),
        *_names("_preparing", "Prepare", "PrepareManager", feature=TOLD_SETTINGS),
        *_names("PrepareManager", "_counts", "_names", "_to_flush", feature=TOLD_SETTINGS),
        *_names("PrepareManager", "get", "validate", feature=TOLD_SETTINGS),
        *_names(f"Cursor.{_PREPARING}()", "pgq", feature=TOLD_SETTINGS),
        *_names("Transaction", _END_OF_BLOCK, "_stack_index", feature=TOLD_SETTINGS),
        *_names(f"Transaction.{_END_OF_BLOCK}()", "exc_val", feature=TOLD_SETTINGS),
        *_names("Connection", "_get_tx_start_command", feature=SETTINGS_BEFORE),
        *_names("Connection", "_connect_gen", feature=LOGIN_KEYS),
        *_names("_encodings", "conninfo_encoding", feature=LOGIN_KEYS),
        *_names("Cursor", "_pgconn", feature=OLD_CURSORS),
        *_names("ServerCursor", "_described", feature=OLD_SERVER_CURSORS),
        *_names("errors", "finish_pgconn", feature=LINK_OF_ERROR),
    ],
    _owners,
)


# A connection's own.


class ExtendedConnection:
    """Extends methods of psycopg's connection classes, before which it stands."""

    @classmethod
    def _aws_connect_gen(cls, conninfo: str) -> Generator[Any, Any, pq.abc.PGconn] | None:
        """A way of our own to log in by a connection string; None: psycopg's."""
        raise NotImplementedError

    def _aws_before_begin(self) -> None:
        """psycopg is about to begin a transaction."""

    def _aws_handed_out(self) -> None:
        """A pool of psycopg_pool gives the connection to the application."""

    _aws_pool: Any = None

    @property
    def _pool(self) -> Any:
        return self._aws_pool

    @_pool.setter
    def _pool(self, pool: Any) -> None:
        self._aws_pool = pool
        if pool is not None:
            self._aws_handed_out()

    @classmethod
    def _connect_gen(cls, conninfo: str = "", **kwargs: Any) -> Any:
        connect: Any = super()._connect_gen  # type: ignore[misc]
        # Older releases of psycopg give a timeout, which is theirs to keep; a subclass may have a
        # way of its own.
        is_stock = connect.__func__ is psycopg.Connection._connect_gen.__func__  # type: ignore[attr-defined]
        own = cls._aws_connect_gen(conninfo) if is_stock and not kwargs else None
        if own is None:
            return (yield from connect(conninfo, **kwargs))
        return cls((yield from own))  # type: ignore[call-arg]

    def _get_tx_start_command(self) -> bytes:
        self._aws_before_begin()
        command: bytes = super()._get_tx_start_command()  # type: ignore[misc]
        return command


def driver_class(connection_class: type[Any]) -> Any:
    """psycopg's part of one of our classes: what stands first after our own bases."""
    mro = connection_class.__mro__
    last = max(n for n, base in enumerate(mro) if base.__module__.startswith(_PACKAGE))
    return mro[last + 1]


_PACKAGE = __name__.partition(".")[0]


def wait_interval() -> float:
    """Seconds between two looks of an awaited wait of psycopg's for Ctrl-C, by its own default."""
    wait = getattr(psycopg.AsyncConnection, "wait", None)
    found = None if wait is None else inspect.signature(wait).parameters.get("interval")
    return 0.1 if found is None else float(found.default)


def closed_by_user(connection: Any) -> bool:
    """Whether the application has closed a connection."""
    return bool(connection._closed)


def lock_of(connection: Any) -> Any:
    """What one call of a connection at a time holds; a blocking one's is not awaited."""
    return connection.lock


def pool_of(connection: Any) -> Any:
    """The pool of psycopg_pool that a connection belongs to, or None; it says so by itself."""
    return getattr(connection, "_pool", None)


def expire(connection: Any) -> None:
    """Let a pool of psycopg_pool close a connection when it gets it back."""
    connection._expire_at = 0.0


def blocks_of(connection: Any) -> int:
    """In how many transaction blocks a connection is."""
    return int(connection._num_transactions)


def pipeline_of(connection: Any) -> Any:
    """The pipeline that a connection is in, or None."""
    return connection._pipeline


def in_two_phase(connection: Any) -> bool:
    """Whether a connection is in a two-phase transaction."""
    return connection._tpc is not None


def is_prepared(connection: Any) -> bool:
    """Whether a connection's two-phase transaction is prepared."""
    return connection._tpc is not None and bool(connection._tpc[1])


def run(connection: Any, name: str, *args: Any) -> Any:
    """psycopg's own generator of the method ``name``, whatever stands in its place."""
    return getattr(type(connection), name)(connection, *args)


def put_link(connection: psycopg.Connection[Any], pgconn: pq.abc.PGconn) -> None:
    """Make ``pgconn`` the link of a connection whose old one is lost.

    The connection's own state (autocommit, isolation level, adapters, row factory, handlers)
    stays; what belonged to the old server's session is reset.
    """
    weak: ref[Any] = ref(connection)
    pgconn.notice_handler = partial(psycopg.Connection._notice_handler, weak)
    pgconn.notify_handler = partial(psycopg.Connection._notify_handler, weak)
    old = connection._prepared
    fresh: Any = PrepareManager() if isinstance(old, StatementAccount) else type(old)()
    fresh.prepare_threshold = old.prepare_threshold
    fresh.prepared_max = old.prepared_max
    connection._prepared = fresh
    pipeline = connection._pipeline
    if pipeline is not None:
        # Its block goes on, on the new link; what was queued is lost with the old one.
        pipeline.command_queue.clear()
        pipeline.result_queue.clear()
        pipeline.pgconn = pgconn
        if connection.pgconn.pipeline_status != pq.PipelineStatus.OFF:  # else it only begins
            pgconn.enter_pipeline_mode()
    connection._tpc = None  # what was prepared is ended by its id, on any link
    connection._num_transactions = 0
    connection.pgconn = pgconn


# Cursors and transaction blocks.


def bring_cursor_over(gen: Any, link: pq.abc.PGconn, is_old: Callable[[Any], bool]) -> None:
    """Let the cursor, or the block, that ``gen`` belongs to use ``link``, if its own is old."""
    owner: Any = _locals(gen).get("self")
    name = "pgconn" if name_of(gen) == _BEGIN_OF_BLOCK else "_pgconn"
    own = getattr(owner, name, None)
    if own is None or not is_old(own):
        return
    setattr(owner, name, link)
    if hasattr(owner, "_described"):
        owner._described = False  # the server's cursor is gone


def is_outermost(block: Any) -> bool:
    """Whether a transaction block began the transaction; otherwise it is a savepoint."""
    return bool(block._outer_transaction)


def rolls_back(block: Any) -> bool:
    """Whether a transaction block is rolled back in any case."""
    return bool(block.force_rollback)


@dataclass(frozen=True)
class EndOfBlock:
    """How a transaction block ends."""

    undone: bool
    outermost: bool
    depth: int
    """In how many blocks it is."""


def end_of_block(gen: Any) -> EndOfBlock | None:
    """The end of a transaction block, if that is what a generator of psycopg's is about to do."""
    local = _locals(gen)
    if name_of(gen) != _END_OF_BLOCK or "exc_val" not in local:  # pipelines have one, too
        return None
    block = local["self"]
    undone = local["exc_val"] is not None or block.force_rollback
    return EndOfBlock(undone, block._outer_transaction, block._stack_index)


def begins_block(gen: Any) -> bool:
    """Whether a generator is the begin of a transaction block, or of a pipeline."""
    return name_of(gen) == _BEGIN_OF_BLOCK


def stands_alone(gen: Any) -> bool:
    """Whether a generator refers to nothing that an earlier call has left on the link."""
    return name_of(gen) in _STANDING_ALONE


def sends_nothing(gen: Any, connection: Any) -> bool:
    """Whether a generator of a connection's that has not begun will send nothing."""
    is_idle = connection.pgconn.transaction_status == pq.TransactionStatus.IDLE
    return is_idle and pipeline_of(connection) is None and name_of(gen) in _SILENT_WHEN_IDLE


def commits_prepared(gen: Any) -> bool:
    """Whether a generator of ``END_PREPARED`` commits."""
    return bool(_locals(gen)["action"] == "COMMIT")


def name_of(gen: Any) -> str:
    """The name of the method that a generator is of."""
    return getattr(gen, "__name__", "")


def _locals(gen: Any) -> dict[str, Any]:
    frame = getattr(gen, "gi_frame", None)
    return {} if frame is None else frame.f_locals


def statement_of(gen: Any, error: BaseException | None) -> tuple[Any, Any] | None:
    """The text that a generator of psycopg's runs, as it was given, and its cursor; if it runs one.

    It has not begun; or ``error`` has ended it.
    """
    frames = [getattr(gen, "gi_frame", None)]
    if error is not None:
        frames += [frame for frame, _ in walk_tb(error.__traceback__)]
    for frame in filter(None, frames):
        if frame.f_code.co_name in _OF_TEXTS:
            return frame.f_locals.get("query"), frame.f_locals.get("self")
    return None


# The account of prepared statements.


class StatementAccount(PrepareManager):
    """psycopg's account of the statements that were run: it validates each that is new to it."""

    prepare_threshold: int | None
    prepared_max: int
    _aws_looks = False

    def _aws_ran(self, text: bytes, key: Any, name: bytes, query: Any, results: Any) -> None:
        """A statement was run; ``query`` is the ``PostgresQuery``, or None if that is over."""
        raise NotImplementedError

    def validate(self, key: Any, prep: Prepare, name: bytes, results: Any) -> None:
        super().validate(key, prep, name, results)
        query = sys._getframe(1).f_locals.get("pgq")  # of cursors; in pipelines it is over
        self._aws_ran(key[0], key, name, query, results)

    def _aws_forget(self, key: Any) -> bool:
        """Let a statement be new the next time, too. Tells whether it was prepared."""
        self._counts.pop(key, None)
        return self._names.pop(key, None) is not None

    def _aws_deallocate(self, name: bytes) -> None:
        """Let the server forget a prepared statement, some time."""
        self._to_flush.append(name)

    def _aws_answer_by(self, answer: Callable[..., Any]) -> None:
        """Have ``answer`` tell of each statement whether it is to be prepared."""
        self.get = answer  # type: ignore[method-assign]
        self._aws_looks = True

    def _aws_answer(self) -> None:
        """Tell that ourselves again."""
        if self._aws_looks:
            del self.get
            self._aws_looks = False


NOT_PREPARED = (None if Prepare is None else Prepare.NO, b"")
"""The account's answer for a statement that is not to be prepared."""


def account_of(connection: Any) -> Any:
    """A connection's account of the statements that were run."""
    return connection._prepared


def set_account(connection: Any, account: StatementAccount) -> None:
    """Give a connection another one."""
    connection._prepared = account


# Links.


def execute(pgconn: pq.abc.PGconn) -> Generator[Any, Any, Any]:
    """psycopg's generator that fetches the results of what was sent."""
    results: Generator[Any, Any, Any] = psycopg.generators.execute(pgconn)
    return results


def error_of(result: pq.abc.PGresult, encoding: str) -> psycopg.Error:
    """The error that psycopg raises for a result."""
    return psycopg.errors.error_from_result(result, encoding=encoding)


def finish(pgconn: Any) -> Any:
    """Close a link; return what an error of psycopg's remembers of it."""
    remember = getattr(psycopg.errors, "finish_pgconn", None)
    if remember is not None:
        return remember(pgconn)
    pgconn.finish()
    return None


def encoding_of(conninfo: str) -> str:
    """The encoding of what a server says to a login by a connection string."""
    encoding: str = look_up("psycopg._encodings", "conninfo_encoding")(conninfo)
    return encoding


def library_of_ctypes() -> str:
    """The libpq that psycopg calls by ctypes; empty if that can't be told."""
    library = look_up("psycopg.pq._pq_ctypes", "pq")
    return str(getattr(library, "_name", ""))
