"""The Django project around both chats: settings, ASGI, and a server on 127.0.0.1.

    OPENAI_API_KEY=…  OPENAI_BASE_URL=…  MODEL=…  python examples/chat/live.py [--port 8000]

Without a key the same SDK asks the pretend model of pretend.py, which this project serves, too.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.management.utils import get_random_secret_key

HERE = Path(__file__).parent
MODEL = os.environ.get("MODEL", "gpt-4o-mini")
SYSTEM = "Answer in Markdown, and briefly."


def _listen() -> socket.socket:
    """On the port that is asked for, else on 8000, else on any that is free."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=None, help="default: 8000, or a free one")
    port = parser.parse_args().port if Path(sys.argv[0]).parent.resolve() == HERE.resolve() else 0
    for candidate in (8000, 0) if port is None else (port,):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", candidate))
            return listener
        listener.close()
    sys.exit(f"Port {port} is taken.")


LISTENER = _listen()
PORT = LISTENER.getsockname()[1]
if not os.environ.get("OPENAI_API_KEY"):
    os.environ["OPENAI_API_KEY"] = "no key"
    os.environ["OPENAI_BASE_URL"] = f"http://127.0.0.1:{PORT}/pretend/v1"

settings.configure(
    SECRET_KEY=get_random_secret_key(),  # nothing is kept beyond one run
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    INSTALLED_APPS=[
        *("django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions"),
        *("django.contrib.staticfiles", "channels", "djust", "djust_stream"),
    ],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "DIRS": [HERE / "templates"],
            "APP_DIRS": True,
            "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
        }
    ],
    STATIC_URL="/static/",
    STATICFILES_DIRS=[HERE / "static"],
    ROOT_URLCONF="project",
    ASGI_APPLICATION="project.application",
    CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
    LIVEVIEW_ALLOWED_MODULES=["live"],
    SILENCED_SYSTEM_CHECKS=["djust.S001"],
    USE_TZ=True,
    # What one visitor may ask for: see docs/chat.md.
    DJUST_STREAM={"USER_STREAMS": 2, "USER_ANSWERS": "30/minute", "USER_TOKENS": "200_000/day"},
)
django.setup()

urlpatterns: list[Any] = []


def serve(page: Any, consumer: Any = None) -> None:
    """Serve the page at /, and its WebSocket: the consumer's, or djust's for a LiveView."""
    import uvicorn
    from channels.routing import ProtocolTypeRouter, URLRouter
    from channels.security.websocket import AllowedHostsOriginValidator
    from channels.sessions import SessionMiddlewareStack
    from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
    from django.core.asgi import get_asgi_application
    from django.urls import path
    from djust.websocket import LiveViewConsumer
    from pretend import completions

    sys.modules["project"].urlpatterns += [
        path("", page if consumer else page.as_view()),
        path("pretend/v1/chat/completions", completions),
    ]
    address, socket_of = ("ws/chat/<uuid:page>/", consumer) if consumer else ("ws/live/", LiveViewConsumer)
    sockets = SessionMiddlewareStack(URLRouter([path(address, socket_of.as_asgi())]))
    application = ProtocolTypeRouter(
        {
            "http": ASGIStaticFilesHandler(get_asgi_application()),
            "websocket": AllowedHostsOriginValidator(sockets),
        }
    )
    LISTENER.listen()  # who comes before the server is ready waits, and is not turned away
    print(f"\n  The chat is at  http://127.0.0.1:{PORT}/     (Ctrl+C ends it)\n", flush=True)
    config = uvicorn.Config(application, log_level="warning", lifespan="off")
    config.timeout_graceful_shutdown = 1
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[LISTENER])
