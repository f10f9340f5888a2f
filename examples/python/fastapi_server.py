"""A web service on MemDB: users and calls, answered from memory, settled in the database behind.

    pip install ramekin fastapi uvicorn
    uvicorn fastapi_server:app --app-dir examples/python

PG_DSN says where the data is: a folder (`./data`, the default), `postgresql://…`, or `ramekin://:password@host:6379`. Several
replicas of the service talk to one Ramekin by the last one.
"""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, Field

from ramekin import MemDB
from ramekin.contrib.fastapi import Opened

State = Literal["ringing", "answered", "ended"]

database = Opened(MemDB)
Db = Annotated[MemDB, Depends(database)]
app = FastAPI(title="Users and calls", lifespan=database.lifespan)


class User(BaseModel):
    name: str = Field(min_length=1, max_length=200)
    email: str = Field(max_length=320)


class Call(BaseModel):
    caller: str = Field(max_length=32)
    state: State = "ringing"
    seconds: int = Field(default=0, ge=0)


@app.post("/users", status_code=201)
async def create_user(user: User, db: Db) -> dict[str, Any]:
    key = uuid.uuid4().hex
    await db.insert("users", key, user.model_dump())
    return {"id": key, **user.model_dump()}


@app.get("/users/{key}")
async def read_user(key: str, db: Db) -> dict[str, Any]:
    record = await db.get("users", key)
    if record is None:
        raise HTTPException(404, "there is no such user")
    return {"id": key, **record}


@app.put("/calls/{key}")
async def put_call(key: str, call: Call, db: Db) -> dict[str, Any]:
    await db.upsert("calls", key, call.model_dump())
    return {"id": key, **call.model_dump()}


@app.get("/calls")
async def list_calls(db: Db, state: State | None = None, limit: int = 100) -> list[dict[str, Any]]:
    # `state` is one of three words: what a client sends never becomes a part of the clause.
    where = f"data->>'state' = '{state}'" if state else ""
    return await db.query("calls", where, limit=max(0, min(limit, 1000)))


@app.get("/stats")
def stats(db: Db) -> dict[str, Any]:
    return db.stats()


@app.post("/flush")
async def flush(db: Db) -> dict[str, bool]:
    await db.flush()
    return {"settled": True}
