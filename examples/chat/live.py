"""A chat in a djust LiveView:  python examples/chat/live.py"""

import project  # Django's settings, and OPENAI_… for a pretend model where there is no key
from djust import LiveView, action, state
from openai import AsyncOpenAI

from djust_stream import Conversation, StreamingMixin, StreamResult

client = AsyncOpenAI(max_retries=0)  # the page offers Retry, and says how long to wait


class Chat(StreamingMixin, LiveView):
    template_name = "live.html"
    chat = Conversation.state()
    streaming = state(False)
    unfinished = state(False)

    @action
    def submit(self, prompt: str = "", **kwargs):
        if self.streaming:  # a page twice open, or a second click
            raise ValueError("Wait for the answer, or stop it.")  # submit.error in the template
        self.chat.ask(prompt)  # raises ValueError, too, for an empty one
        self.start_stream(self.name, self.reply, self.name)
        self.streaming, self.unfinished = True, False

    @action
    def stop(self, **kwargs):
        self.stop_stream(self.name)  # closes the connection to the model; the text so far stays

    @action
    def retry(self, **kwargs):
        if not self.streaming:
            self.stream_retry(self.name)
            self.streaming, self.unfinished = True, False

    async def reply(self, name: str):
        """What start_stream runs, and stream_retry again."""
        messages = self.chat.messages(system=project.SYSTEM, max_tokens=8000)
        source = client.chat.completions.create(model=project.MODEL, messages=messages, stream=True)
        await self.stream_from(name, source, prompt=messages, on_end=self.ended)

    def ended(self, result: StreamResult):
        self.chat.answer(result)  # also a stopped or failed one: what it has brought is kept, and marked
        self.streaming, self.unfinished = False, result.stopped

    @property
    def name(self) -> str:
        """The stream of the last question's answer."""
        return f"reply-{self.chat.question['id']}"

    def get_context_data(self, **kwargs):
        asked = [turn for turn in self.chat if turn["role"] == "user"]
        # The next turn is on the page before it is asked: an answer's first word may come before a render.
        turns = [*asked, {"id": self.chat.next_id, "text": ""}]
        return super().get_context_data(**kwargs) | {"turns": turns}


if __name__ == "__main__":
    project.serve(Chat)
