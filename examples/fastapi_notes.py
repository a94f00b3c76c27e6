"""A web service that keeps working while the writer of its cluster fails.

DATABASE_URL is like "postgresql+aws_wrapper_psycopg://john:pwd@database.cluster-xyz.us-east-1.rds.amazonaws.com/db".
Start it with: uvicorn fastapi_notes:app
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from aws_advanced_python_wrapper.aio import release_resources_async
from aws_advanced_python_wrapper.errors import (
    FailoverSuccessError,
    TransactionResolutionUnknownError,
)

# The connection is on a working host again. Any other error would come again.
TRY_AGAIN = (FailoverSuccessError, TransactionResolutionUnknownError)

engine = create_async_engine(os.environ["DATABASE_URL"], pool_size=5)


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "note"
    key: Mapped[str] = mapped_column(primary_key=True)
    text: Mapped[str]


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield
    await engine.dispose()
    await release_resources_async()


app = FastAPI(lifespan=lifespan)


@app.put("/notes/{key}")
async def put(key: str, text: str) -> dict[str, str]:
    # The key makes it safe to do again what may have been done.
    while True:
        try:
            async with AsyncSession(engine) as session, session.begin():
                await session.merge(Note(key=key, text=text))
            return {"key": key}
        except OperationalError as error:
            if not isinstance(error.orig, TRY_AGAIN):
                raise


@app.get("/notes")
async def notes() -> dict[str, str]:
    while True:
        try:
            async with AsyncSession(engine) as session:
                found = await session.scalars(select(Note))
                return {note.key: note.text for note in found}
        except OperationalError as error:
            if not isinstance(error.orig, TRY_AGAIN):
                raise
