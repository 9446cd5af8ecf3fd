"""HTTP goes to Django, the WebSocket to the consumer, static files are served from the packages."""

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application
from django.urls import path

django_application = get_asgi_application()

from .consumer import Chat  # noqa: E402  needs the settings

application = ProtocolTypeRouter(
    {
        "http": ASGIStaticFilesHandler(django_application),
        "websocket": AllowedHostsOriginValidator(URLRouter([path("ws/chat/", Chat.as_asgi())])),
    }
)
