import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from orchestration.http.in_process import AHEAD, InProcess

PART = b"x" * 1000
START: Message = {"type": "http.response.start", "status": 200, "headers": [(b"x-is", b"here")]}


def body(part: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": part, "more_body": more}


class Endless:
    """An application that answers until nobody listens."""

    def __init__(self) -> None:
        self.sent = 0
        self.told = ""

    async def __call__(self, _: Scope, __: Receive, send: Send) -> None:
        await send(START)
        try:
            while True:
                await send(body(PART, more=True))
                self.sent += 1
        except OSError as error:
            self.told = str(error)
            raise


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with each part of the request as it comes."""
    await send(START)
    while True:
        message = await receive()
        if not message["more_body"]:
            break
        await send(body(message["body"], more=True))
    await send(body(scope["query_string"], more=False))


async def broken(*_: object) -> None:
    raise RuntimeError("before any answer")


async def short(_: Scope, __: Receive, send: Send) -> None:
    await send(START)
    await send(body(PART, more=True))


def client_of(app: object) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=InProcess(app), base_url="http://localhost")  # type: ignore[arg-type]


def test_requests_stream_in_and_answers_stream_out() -> None:
    async def exchange() -> tuple[list[bytes], str]:
        asked = asyncio.Queue[bytes | None]()

        async def parts() -> AsyncIterator[bytes]:
            while (part := await asked.get()) is not None:
                yield part

        seen = list[bytes]()
        await asked.put(b"one")
        async with client_of(echo).stream("POST", "/?a=b", content=parts()) as answer:
            async for part in answer.aiter_raw():  # each comes before the next is sent
                seen.append(part)
                await asked.put(b"two" if len(seen) == 1 else None)
            return seen, answer.headers["x-is"]

    assert asyncio.run(exchange()) == ([b"one", b"two", b"a=b"], "here")


def test_an_application_is_no_further_ahead_than_its_reader_lets_it() -> None:
    app = Endless()

    async def look() -> int:
        async with client_of(app).stream("GET", "/") as answer:
            parts = answer.aiter_raw()
            await anext(parts)
            for _ in range(50):
                await asyncio.sleep(0)
            return app.sent

    assert asyncio.run(look()) <= AHEAD + 2


def test_an_application_whose_reader_goes_is_told() -> None:
    app = Endless()

    async def leave() -> None:
        async with client_of(app).stream("GET", "/") as answer:
            await anext(answer.aiter_raw())

    asyncio.run(leave())
    assert app.told == "nobody reads the answer any more"


def test_what_goes_wrong_before_the_answer_is_raised() -> None:
    with pytest.raises(RuntimeError, match="before any answer"):
        asyncio.run(client_of(broken).get("/"))


def test_an_answer_that_is_left_off_is_no_answer() -> None:
    with pytest.raises(httpx.RemoteProtocolError, match="left off"):
        asyncio.run(client_of(short).get("/"))
