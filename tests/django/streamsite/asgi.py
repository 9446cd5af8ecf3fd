"""The ASGI application of the test project."""

# ruff: noqa: E402
import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "streamsite.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.sessions import SessionMiddlewareStack
from django.contrib.auth.models import User
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.urls import path
from djust.websocket import LiveViewConsumer

from . import consumers


def as_user(consumer: Any) -> Any:
    """Signed in as the user of the address: what AuthMiddleware does, without a database."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        user = User(pk=scope["url_route"]["kwargs"]["user"])
        await consumer({**scope, "user": user}, receive, send)

    return serve


application = ProtocolTypeRouter(
    {
        "http": ASGIStaticFilesHandler(django_application),
        "websocket": SessionMiddlewareStack(
            URLRouter(
                [
                    path("ws/live/", LiveViewConsumer.as_asgi()),
                    path("ws/plain/", consumers.Plain.as_asgi()),
                    path("ws/as/<int:user>/", as_user(consumers.Plain.as_asgi())),
                    path("ws/strict/", consumers.Strict.as_asgi()),
                    path("ws/djust-plain/", consumers.DjustPlain.as_asgi()),
                    path("ws/handmade/", consumers.Handmade.as_asgi()),
                ]
            )
        ),
    }
)
