"""Redis and the channel layer, asked themselves.

The law: every question has a deadline, and an answer that does not come is a finding.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

from django.apps import apps
from django.conf import settings

from .finding import Finding, error, masked, ok, warning

ANSWER_TIMEOUT_S = 3.0
_REDIS = re.compile(r"(redis|rediss|unix)(\+cluster|\+sentinel)?://(.*)", re.IGNORECASE)
_LEAST_CAPACITY = 60
_LEAST_REDIS = (6, 2)  # trims a stream by id


def store() -> Iterator[Finding]:
    """DJUST_STREAM["STORE"]: Redis that does not answer, is too old, or throws streams away."""
    url = (getattr(settings, "DJUST_STREAM", None) or {}).get("STORE", "memory")
    found = _REDIS.fullmatch(url) if isinstance(url, str) else None
    if found is None:
        yield ok("redis", "Streams are kept in this process; several processes need DJUST_STREAM['STORE'].")
        return
    try:
        import redis
    except ImportError:
        yield error("redis", "DJUST_STREAM['STORE'] is Redis, and redis is not installed.",
                    "pip install djust-stream[redis]")  # fmt: skip
        return
    try:
        info = _ask(redis, *found.groups(""))
    except Exception as fault:  # redis-py's are of several families
        yield error(
            "redis",
            f"No answer from {url}: {type(fault).__name__}: {str(fault).partition(' : ')[0][:200]}",
            "Start Redis, or correct DJUST_STREAM['STORE']; readers cannot come back to a stream without it.",
        )
        return
    number = str(info.get("redis_version", "0"))
    if tuple(int(part) for part in number.split(".")[:2] if part.isdigit()) < _LEAST_REDIS:
        yield error("redis", f"Redis {number} cannot trim streams by id.", "Redis 6.2 or newer is needed.")
    policy = str(info.get("maxmemory_policy", ""))
    if policy.startswith("allkeys"):
        yield warning(
            "redis",
            f"Redis throws away any key when its memory is full ({policy}), streams that run included.",
            "Set maxmemory-policy to volatile-ttl or noeviction, or give streams a Redis of their own.",
        )
    else:
        yield ok("redis", f"{url}: Redis {number} answers.")


def _ask(redis: Any, scheme: str, kind: str, rest: str) -> dict[str, Any]:
    """Redis' INFO, of the master or of one node. Raises what redis-py raises, and ValueError."""
    options = {"socket_timeout": ANSWER_TIMEOUT_S, "socket_connect_timeout": ANSWER_TIMEOUT_S}
    secret, at, place = rest.rpartition("@")
    hosts, slash, tail = place.partition("/")
    first = f"{scheme}://{secret}{at}{hosts.split(',')[0]}{slash}{tail}"
    if kind == "+sentinel":
        query = dict(parse_qsl(tail.partition("?")[2]))
        ports = [(host.partition(":")[0], int(host.partition(":")[2] or 26379)) for host in hosts.split(",")]
        of_sentinels = {name[9:]: value for name, value in query.items() if name.startswith("sentinel_")}
        sentinel = redis.Sentinel(ports, sentinel_kwargs={**options, **of_sentinels})
        address, port = sentinel.discover_master(query["service"])
        first = f"{scheme}://{secret}{at}{address}:{port}"
    client = (redis.RedisCluster if kind == "+cluster" else redis.Redis).from_url(first, **options)
    try:
        info: dict[str, Any] = client.info()
    finally:
        client.close()
    return next(iter(info.values())) if kind == "+cluster" and "redis_version" not in info else info


def channel_layer() -> Iterator[Finding]:
    """CHANNEL_LAYERS: missing, in one process only, full too soon, or not answering."""
    if not apps.is_installed("channels"):
        return
    layers: dict[str, Any] = getattr(settings, "CHANNEL_LAYERS", None) or {}
    if not layers:
        if apps.is_installed("djust"):
            yield error("channel-layer", "CHANNEL_LAYERS is not set: djust needs it.",
                        "CHANNEL_LAYERS = {'default': {'BACKEND': 'channels_redis.core.RedisChannelLayer', "
                        "'CONFIG': {'hosts': […]}}}")  # fmt: skip
        else:
            yield ok("channel-layer", "CHANNEL_LAYERS is not set; streams do not need it, groups do.")
        return
    for alias, layer in layers.items():
        yield from _layer(alias, layer)


def _layer(alias: str, layer: dict[str, Any]) -> Iterator[Finding]:
    from channels.layers import channel_layers

    backend = str(layer.get("BACKEND", ""))
    if backend.endswith("InMemoryChannelLayer") and not settings.DEBUG:
        yield warning(
            "channel-layer",
            f"CHANNEL_LAYERS[{alias!r}] is in memory: a message does not reach the other processes.",
            "With more than one: pip install channels-redis, and use channels_redis.core.RedisChannelLayer.",
        )
    capacity = (layer.get("CONFIG") or {}).get("capacity", 100)
    if isinstance(capacity, int) and capacity < _LEAST_CAPACITY:
        yield warning(
            "channel-layer",
            f"CHANNEL_LAYERS[{alias!r}] holds {capacity} messages for a channel: more are thrown away.",
            "Leave capacity at 100 or more: 60 messages a second fill it while a consumer is busy.",
        )
    try:
        asyncio.run(_round_trip(channel_layers, alias))
    except Exception as fault:  # each backend has its own
        what = "no answer" if isinstance(fault, asyncio.TimeoutError) else f"{type(fault).__name__}: {fault}"
        where = ", ".join(_hosts(layer))
        yield error(
            "channel-layer",
            f"CHANNEL_LAYERS[{alias!r}]{f' ({where})' if where else ''}: {what}",
            "Start its server or correct its CONFIG; groups and djust's pushes do not work without it.",
        )
    else:
        yield ok(
            "channel-layer",
            f"CHANNEL_LAYERS[{alias!r}], {backend.rpartition('.')[2]}: a message came through.",
        )


async def _round_trip(layers: Any, alias: str) -> None:
    layer = layers.make_backend(alias)  # of its own: the project's belongs to another event loop
    try:
        channel = await asyncio.wait_for(layer.new_channel(), ANSWER_TIMEOUT_S)
        await asyncio.wait_for(layer.send(channel, {"type": "djust_stream.doctor"}), ANSWER_TIMEOUT_S)
        await asyncio.wait_for(layer.receive(channel), ANSWER_TIMEOUT_S)
    finally:
        if close := getattr(layer, "close_pools", None):
            await asyncio.wait_for(close(), ANSWER_TIMEOUT_S)


def _hosts(layer: dict[str, Any]) -> list[str]:
    """Where a channel layer of channels_redis lives, without passwords."""
    shown = []
    for host in (layer.get("CONFIG") or {}).get("hosts", []):
        match host:
            case {"address": address}:
                shown.append(address)
            case {"host": name, **rest}:
                shown.append(f"{name}:{rest.get('port', '')}")
            case [name, port]:
                shown.append(f"{name}:{port}")
            case str():
                shown.append(host)
    return [masked(where) for where in shown]


CHECKS = (store, channel_layer)
