"""The ASGI application of the test project."""

# ruff: noqa: E402
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "streamsite.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.sessions import SessionMiddlewareStack
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.urls import path
from djust.websocket import LiveViewConsumer

from . import consumers

application = ProtocolTypeRouter(
    {
        "http": ASGIStaticFilesHandler(django_application),
        "websocket": SessionMiddlewareStack(
            URLRouter(
                [
                    path("ws/live/", LiveViewConsumer.as_asgi()),
                    path("ws/plain/", consumers.Plain.as_asgi()),
                    path("ws/djust-plain/", consumers.DjustPlain.as_asgi()),
                    path("ws/handmade/", consumers.Handmade.as_asgi()),
                ]
            )
        ),
    }
)
