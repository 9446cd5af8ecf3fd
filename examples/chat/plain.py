"""The same chat over plain Channels:  python examples/chat/plain.py"""

import project  # Django's settings, and OPENAI_… for a pretend model where there is no key
from django.core.cache import cache
from django.views.generic import TemplateView
from openai import AsyncOpenAI

from djust_stream import Conversation, StreamConsumer

client = AsyncOpenAI(max_retries=0)  # the page offers Retry, and says how long to wait


class Chat(StreamConsumer):
    """One page's connection. It sends ``{"question": "…"}``; Stop and Retry need no code here."""

    chat = Conversation.state()

    @property
    def key(self) -> str:
        """Where the chat is kept: a page that was cut off goes on with it, by an id that only it knows."""
        return f"chat:{self.scope['url_route']['kwargs']['page']}"

    async def receive_json(self, content, **kwargs):
        self.chat = Conversation(await cache.aget(self.key, []))
        try:
            turn = self.chat.ask(content["question"])
        except ValueError as error:
            await self.send_json({"type": "refused", "message": str(error)})
            return
        await cache.aset(self.key, list(self.chat))
        name = f"reply-{turn['id']}"
        await self.send_json({"type": "asked", "stream": name, "question": turn["text"]})
        await self.start_stream(name, self.reply, name)

    async def reply(self, name: str):
        """What start_stream runs, and a page's Retry again."""
        messages = self.chat.messages(system=project.SYSTEM, max_tokens=8000)
        source = client.chat.completions.create(model=project.MODEL, messages=messages, stream=True)
        chat, keep = self.chat, self.chat.answering()

        async def ended(result):
            keep(result)  # also a stopped or failed one
            await cache.aset(self.key, list(chat))

        await self.stream_from(name, source, prompt=messages, on_end=ended)

    def stream_may_retry(self, stream_name: str) -> bool:
        return bool(self.chat) and stream_name == f"reply-{self.chat.question['id']}"  # only the last


if __name__ == "__main__":
    project.serve(TemplateView.as_view(template_name="plain.html"), Chat)
