"""Pages, event streams and a WebSocket."""

# ruff: noqa: E402
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.conf import settings
from django.urls import path

from djust_stream import StreamConsumer

router = URLRouter([path("ws/chat/", StreamConsumer.as_asgi())])
application = ProtocolTypeRouter(
    {
        "http": django_application,
        "websocket": AllowedHostsOriginValidator(router) if settings.CHECKS_ORIGIN else router,
    }
)
only_http = ProtocolTypeRouter({"http": django_application})
