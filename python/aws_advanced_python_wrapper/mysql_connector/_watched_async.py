# SPDX-License-Identifier: Apache-2.0
"""What ``_engine.watched`` is for a method that blocks, for one that is awaited."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any

from .. import _engine
from .._core.waits import drive_async


def watched(
    method: Callable[..., Awaitable[Any]], *, may_set: bool = False
) -> Callable[..., Awaitable[Any]]:
    """What ``_engine.watched`` is for a method that blocks."""

    @functools.wraps(method)
    async def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        session = self._aws_session
        if session is None:
            return await method(self, *args, **kwargs)
        if not session.enter():
            try:
                result = await method(self, *args, **kwargs)
            except BaseException as error:
                self._aws_inner_call_failed(error)
                raise
        else:
            try:
                if session.begin_call():
                    call = (method, *args, *kwargs.values())
                    in_transaction = self._aws_was_in_transaction(call)
                    await drive_async(self._aws_attend_steps(call, in_transaction))
                try:
                    result = await method(self, *args, **kwargs)
                except BaseException as error:
                    session.end_call()
                    call = (method, *args, *kwargs.values())
                    await drive_async(self._aws_failure_steps(error, call))
                    raise
                session.end_call()
            finally:
                session.leave()
        if may_set:
            statement = args[0] if args else kwargs.get("query", "")
            if _engine.may_change_session(statement):
                self._aws_note(statement)
        return result

    return call
