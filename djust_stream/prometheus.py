"""Metrics for prometheus-client: ``pip install djust-stream[prometheus]``, then, once, at start-up:

    from djust_stream.prometheus import install
    install()                                  # into prometheus_client.REGISTRY

The totals of ``djust_stream.stats()`` are read when Prometheus asks. Two histograms learn of each stream at
its end: seconds to the first chunk, and tokens per second after it. Labels: how it ended; no stream's name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prometheus_client import REGISTRY, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from .counts import Ended, Stats, on_end, stats

_SECONDS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_PER_SECOND = (1, 5, 10, 20, 50, 100, 200, 500, 1000)


class _Totals:
    """A collector: asked, it looks."""

    def collect(self) -> Iterator[Any]:
        now = stats()
        for name in Stats.__slots__:
            family = GaugeMetricFamily if name == "streams" else CounterMetricFamily
            metric = family(f"djust_stream_{name}", f"djust_stream.stats().{name}")
            metric.add_metric([], getattr(now, name))
            yield metric


def install(registry: Any = REGISTRY) -> None:
    """Register the metrics. Once for each registry."""
    first = Histogram("djust_stream_first_chunk_seconds", "From a stream's opening to its first content",
                      ["ended"], buckets=_SECONDS, registry=registry)  # fmt: skip
    rate = Histogram("djust_stream_tokens_per_second", "Tokens of a stream, after its first chunk",
                     ["ended"], buckets=_PER_SECOND, registry=registry)  # fmt: skip
    registry.register(_Totals())

    def observe(ended: Ended) -> None:
        if ended.first_chunk_s is not None:
            first.labels(ended.ended).observe(ended.first_chunk_s)
            rate.labels(ended.ended).observe(ended.tokens_per_s)

    on_end.append(observe)
