"""Metrics for OpenTelemetry: ``pip install djust-stream[telemetry]``, then, once, at start-up:

    from djust_stream.telemetry import install
    install()                                  # into the global meter provider

Observable counters read ``djust_stream.stats()`` when the exporter asks. Two histograms learn of each stream
at its end: seconds to the first chunk, and tokens per second after it. Attribute: how it ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from opentelemetry.metrics import CallbackOptions, Observation, get_meter

from .counts import Ended, Stats, on_end, stats


def _reader(name: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
    return lambda options: [Observation(getattr(stats(), name))]


def install(meter_provider: Any = None) -> None:
    """Register the metrics. Once."""
    meter = get_meter("djust_stream", meter_provider=meter_provider)
    for name in Stats.__slots__:
        create = meter.create_observable_gauge if name == "streams" else meter.create_observable_counter
        create(f"djust_stream.{name}", [_reader(name)])
    first = meter.create_histogram(
        "djust_stream.first_chunk", "s", "From a stream's opening to its first content"
    )
    rate = meter.create_histogram("djust_stream.tokens_per_second", "{token}/s", "After the first chunk")

    def observe(ended: Ended) -> None:
        if ended.first_chunk_s is not None:
            first.record(ended.first_chunk_s, {"ended": ended.ended})
            rate.record(ended.tokens_per_s, {"ended": ended.ended})

    on_end.append(observe)
