"""A web service on MemDB: users and calls, answered from memory, settled in the database behind.

    pip install ramekin fastapi uvicorn
    uvicorn fastapi_server:app --app-dir examples/python

PG_DSN says where the data is: a folder (`./data`, the default), `postgresql://…`, or `ramekin://:password@host:6379`. Several
replicas of the service talk to one Ramekin by the last one.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel, Field

from ramekin import MemDB

State = Literal["ringing", "answered", "ended"]


class User(BaseModel):
    name: str = Field(min_length=1, max_length=200)
    email: str = Field(max_length=320)


class Call(BaseModel):
    caller: str = Field(max_length=32)
    state: State = "ringing"
    seconds: int = Field(default=0, ge=0)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with MemDB() as db:
        await db.create_table("users", {"name": "string", "email": "string"})
        await db.create_table("calls", {"caller": "string", "state": "string", "seconds": "integer"})
        app.state.db = db
        yield


app = FastAPI(title="Users and calls", lifespan=lifespan)


@app.post("/users", status_code=201)
async def create_user(user: User, request: Request) -> dict[str, Any]:
    key = uuid.uuid4().hex
    await request.app.state.db.insert("users", key, user.model_dump())
    return {"id": key, **user.model_dump()}


@app.get("/users/{key}")
async def read_user(key: str, request: Request) -> dict[str, Any]:
    record = await request.app.state.db.get("users", key)
    if record is None:
        raise HTTPException(404, "there is no such user")
    return {"id": key, **record}


@app.put("/calls/{key}")
async def put_call(key: str, call: Call, request: Request) -> dict[str, Any]:
    await request.app.state.db.upsert("calls", key, call.model_dump())
    return {"id": key, **call.model_dump()}


@app.get("/calls")
async def list_calls(request: Request, state: State | None = None, limit: int = 100) -> list[dict[str, Any]]:
    # `state` is one of three words: what a client sends never becomes a part of the clause.
    where = f"data->>'state' = '{state}'" if state else ""
    found: list[dict[str, Any]] = await request.app.state.db.query("calls", where, limit=min(limit, 1000))
    return found


@app.get("/stats")
async def stats(request: Request) -> dict[str, Any]:
    figures: dict[str, Any] = request.app.state.db.stats()
    return figures


@app.post("/flush")
async def flush(request: Request) -> dict[str, bool]:
    await request.app.state.db.flush()
    return {"settled": True}
