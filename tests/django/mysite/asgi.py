"""Pages, event streams and a WebSocket."""

# ruff: noqa: E402
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from channels.generic.websocket import AsyncJsonWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.conf import settings
from django.urls import path

from djust_stream import StreamConsumer


class OpenConsumer(StreamConsumer):
    allowed_origins = ("*",)


consumers = {"stream": StreamConsumer, "open": OpenConsumer, "plain": AsyncJsonWebsocketConsumer}
router = URLRouter([path("ws/chat/", consumers[settings.CONSUMER].as_asgi())])
application = ProtocolTypeRouter(
    {
        "http": django_application,
        "websocket": AllowedHostsOriginValidator(router) if settings.CHECKS_ORIGIN else router,
    }
)
only_http = ProtocolTypeRouter({"http": django_application})
