"""Budget: how much one user may ask of the models: answers at a time, answers and tokens in a while.

    DJUST_STREAM = {"USER_STREAMS": 2, "USER_ANSWERS": "20/minute", "USER_TOKENS": "200_000/day"}

is all there is to write: ``stream_from`` then keeps to it, for each ``stream_user()``. Other limits for some:

    def stream_budget(self, stream_name):
        return Budget(self.stream_user(), tokens="2_000_000/day")

Who is over it is refused before the model is asked: ``result.error`` is a BudgetError, and the page says
so. It counts in a cache of Django's, by ``add`` and ``incr``, so that processes and machines share it: Redis
or Memcached. Local memory will do for one process; in a database or files counts get lost (checks: W010).

The laws: never more than ``streams`` answers of a user at a time; of a process that dies, their places are
free after LEASE_S. Every answer that has begun is counted once, with the tokens its provider has told, else
an estimate of prompt and text, also when it was stopped. The answer that passes the limit of tokens is the
last one; with ``reserve``, what one answer may cost is taken in advance, and the limit is not passed at all.
Checked by tests/test_budget.py, with processes that ask at once.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
import uuid
from typing import Any

from asgiref.sync import sync_to_async
from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured

from . import conf
from .sources import SourceError, StreamResult

log = logging.getLogger("djust_stream")


#: A place of an answer that nobody renews is free after so many seconds.
LEASE_S = 60
#: So long a place is waited for: that of an answer just stopped is being given back.
PATIENCE_S = 1.0

_MESSAGES = {
    "streams": "Another answer is still being written. Please wait for it, or stop it.",
    "answers": "You have asked as often as you may for now. Please try again later.",
    "tokens": "You have used up what you may ask of the model for now. Please try again later.",
}


class BudgetError(SourceError):
    """The user's budget does not allow the answer: it was not asked for.

    what: "streams", "answers" or "tokens". limit: how many there may be.
    """

    code = "budget"
    retryable = True

    def __init__(
        self, what: str, limit: int, retry_after_s: float | None = None, possible: bool = True
    ) -> None:
        super().__init__(
            f"over the budget: {limit:,} {what}", retry_after_s=retry_after_s, retryable=possible
        )
        self.what = what
        self.limit = limit
        self.message = _MESSAGES[what]


class Budget:
    """What one user may use. Cheap to make: it holds nothing but its limits."""

    def __init__(
        self,
        user: str,
        *,
        streams: int | None = None,
        answers: str | None = None,
        tokens: str | None = None,
        reserve: int = 0,
    ) -> None:
        """user: any text that tells users apart.
        streams: answers at a time, 0 for any number. answers, tokens: such as "100/day"; "" for any number.
        None: as USER_STREAMS, USER_ANSWERS, USER_TOKENS say.
        reserve: tokens taken before an answer, given back after it: what you allow the model to write.
        Raises TypeError or ValueError for what is none of these.
        """
        if not isinstance(user, str) or not user:
            raise TypeError(f'user is a text that tells users apart, such as "user:5", not {user!r:.80}')
        if isinstance(reserve, bool) or not isinstance(reserve, int) or reserve < 0:
            raise ValueError(f"reserve is a number of tokens, not {reserve!r:.80}")
        self.user = user
        self.reserve = reserve
        self.streams: int = _limit("USER_STREAMS", streams)
        self.answers = conf.rate(_limit("USER_ANSWERS", answers))
        self.tokens = conf.rate(_limit("USER_TOKENS", tokens))
        self._base = f"djust_stream:{hashlib.blake2s(user.encode(), digest_size=16).hexdigest()}:"

    def __bool__(self) -> bool:
        """Is anything limited?"""
        return bool(self.streams or self.answers or self.tokens)

    async def open(self, prompt_tokens: int = 0) -> Grant:
        """Begin an answer; to be closed with its result.

        prompt_tokens: an estimate of what the model is sent. Raises BudgetError; what the cache raises.
        """
        grant = Grant(self, prompt_tokens)
        give_up = time.monotonic() + PATIENCE_S
        while True:
            try:
                await _finish(sync_to_async(grant.take)())
            except BudgetError as error:
                if error.what != "streams" or time.monotonic() > give_up:
                    raise
                await asyncio.sleep(0.05)
            except asyncio.CancelledError:
                await _finish(sync_to_async(grant.give_back)())
                raise
            else:
                grant.renew()
                return grant

    async def left(self) -> dict[str, int]:
        """What is left of "answers" and "tokens", as far as they are limited; never less than 0."""
        limits = {"answers": self.answers, "tokens": self.tokens}

        def read() -> dict[str, int]:
            cache, now = _cache(), time.time()
            return {
                what: max(0, rate.most - int(cache.get(self.key(what, rate, now)) or 0))
                for what, rate in limits.items()
                if rate
            }

        return await sync_to_async(read)()

    def key(self, what: str, rate: conf.Rate, now: float) -> str:
        """Where a while's uses are counted."""
        return f"{self._base}{what}:{rate.seconds}:{now // rate.seconds:.0f}"

    def place(self, n: int) -> str:
        """Where the n-th answer at a time has its place."""
        return f"{self._base}place:{n}"


class Grant:
    """An answer that has begun."""

    def __init__(self, budget: Budget, prompt_tokens: int) -> None:
        self._budget = budget
        self._charged = budget.reserve + prompt_tokens
        self._token = uuid.uuid4().hex
        self._place = ""
        self._counted: dict[str, tuple[int, conf.Rate]] = {}  # key -> what was added to it
        self._renewal: asyncio.Task[None] | None = None

    async def close(self, result: StreamResult) -> None:
        """The answer has ended: its place is free, what it has used is counted."""
        if self._renewal is not None:
            self._renewal.cancel()
        await _finish(sync_to_async(self.settle)(result))

    # -- in a thread: caches block --------------------------------------------------------------------

    def take(self) -> None:
        """Take a place, count the answer and what it costs at least; or nothing, and raise BudgetError."""
        budget, cache, now = self._budget, _cache(), time.time()
        if budget.streams:
            places = (budget.place(n) for n in range(budget.streams))
            self._place = next((place for place in places if cache.add(place, self._token, LEASE_S)), "")
            if not self._place:
                raise BudgetError("streams", budget.streams)
        try:
            self._count("tokens", budget.tokens, self._charged, now)
            self._count("answers", budget.answers, 1, now)
        except BaseException:
            self.give_back()
            raise

    def _count(self, what: str, rate: conf.Rate | None, n: int, now: float) -> None:
        if rate is None:
            return
        key = self._budget.key(what, rate, now)
        used = _add(key, n, rate)
        self._counted[key] = (n, rate)
        if used > rate.most or used - n >= rate.most:
            raise BudgetError(what, rate.most, rate.seconds - now % rate.seconds, n <= rate.most)

    def give_back(self) -> None:
        """As if it had never begun."""
        for key, (n, rate) in self._counted.items():
            _add(key, -n, rate)
        self._counted.clear()
        self._free()

    def settle(self, result: StreamResult) -> None:
        """Count what was used instead of what was charged. Failed before its first word, it is none."""
        if result.error is not None and result.first_token_s is None and result.usage.estimated:
            self.give_back()
            return
        for key, (charged, rate) in self._counted.items():
            if rate is self._budget.tokens:
                _add(key, result.usage.total_tokens - charged, rate)
        self._counted.clear()
        self._free()

    def _free(self) -> None:
        place, self._place = self._place, ""
        if place and _cache().get(place) == self._token:
            _cache().delete(place)

    # -- the lease ------------------------------------------------------------------------------------

    def renew(self) -> None:
        """Keep the place until the answer has ended."""
        if self._place:
            self._renewal = asyncio.get_running_loop().create_task(self._renew())

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(LEASE_S / 3)
            try:
                await sync_to_async(_cache().touch)(self._place, LEASE_S)
            except Exception:
                log.exception("the place of an answer could not be renewed")


def _cache() -> Any:
    return caches[conf.get("USER_CACHE")]


def _limit(key: str, given: Any) -> Any:
    """The setting, or what was given instead, checked as the setting is."""
    if given is None:
        return conf.get(key)
    if fault := conf.SETTINGS[key].fault(given):
        raise ValueError(f"{key.removeprefix('USER_').lower()} {fault}")
    return given


def _add(key: str, n: int, rate: conf.Rate) -> int:
    """Add to a counter that is forgotten after its while; the sum."""
    cache = _cache()
    for _ in range(3):
        cache.add(key, 0, 2 * rate.seconds)  # twice: what an answer has used is told when it ends
        try:
            return int(cache.incr(key, n))
        except ValueError:
            continue  # forgotten between the two
    raise ImproperlyConfigured(
        f"the cache {conf.get('USER_CACHE')!r} keeps nothing, and budgets count in it: let USER_CACHE of "
        "DJUST_STREAM name a Redis, Memcached or local-memory cache"
    )


async def _finish(work: Any) -> None:
    """Await it to its end, also when we are cancelled meanwhile: a thread cannot be called back."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
