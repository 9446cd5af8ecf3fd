"""A pretend model: it speaks the wire of OpenAI's chat completions, and says what it always says.

A question with "busy" in it is refused with 429 the first time, one with "break" breaks off half way.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

from django.http import HttpRequest, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt

ANSWER = """\
You wrote: **{question}**

I am a *pretend* model, so this is what I say to everything. Set `OPENAI_API_KEY`, and a real one answers \
(`OPENAI_BASE_URL` and `MODEL` choose which).

1. Every token came over the provider's own wire, read by its own SDK.
2. **Stop** closes that connection; what was written stays.
3. **Retry** asks again, with the turns before it.

```python
async def reply(self, name: str):
    messages = self.chat.messages()
    source = client.chat.completions.create(model=MODEL, messages=messages, stream=True)
    await self.stream_from(name, source, prompt=messages, on_end=self.chat.answering(), idle_timeout_s=20)
```

| turn so far | messages sent |
|:--|--:|
| this one | {messages} |

Ask me something with the word *busy* or *break* in it to see what an error looks like.
"""
TOKEN = re.compile(r"\s*\S{1,6}|\s+")
PER_S = 60

_refused: set[str] = set()


@csrf_exempt
async def completions(request: HttpRequest) -> HttpResponseBase:
    """POST /pretend/v1/chat/completions."""
    messages = json.loads(request.body)["messages"]
    question = messages[-1]["content"]
    if "busy" in question and question not in _refused:
        _refused.add(question)
        error = {"error": {"message": "Too many requests", "type": "requests", "code": "rate_limit_exceeded"}}
        return JsonResponse(error, status=429, headers={"retry-after": "5", "x-should-retry": "false"})
    _refused.discard(question)
    text = ANSWER.format(question=question, messages=len(messages))
    events = stream(text, len(messages), half="break" in question)
    return StreamingHttpResponse(events, content_type="text/event-stream")


async def stream(text: str, prompt_tokens: int, half: bool) -> AsyncIterator[str]:
    """The answer's events, PER_S tokens a second."""
    tokens = TOKEN.findall(text)
    for token in tokens[: len(tokens) // 2] if half else tokens:
        yield event({"content": token})
        await asyncio.sleep(1 / PER_S)
    if half:
        return
    usage = {"prompt_tokens": prompt_tokens, "completion_tokens": len(tokens)}
    yield event({}, "stop", usage=usage | {"total_tokens": prompt_tokens + len(tokens)})
    yield "data: [DONE]\n\n"


def event(delta: dict[str, str], finish: str | None = None, **more: Any) -> str:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": "pretend"}
    chunk = head | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]} | more
    return f"data: {json.dumps(chunk)}\n\n"
