"""A chat that streams Markdown, with a text source of its own: no key, no Redis, no build step.

    python -m djust_stream.demo

The part to copy from is consumer.py.
"""
