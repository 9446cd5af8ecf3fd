"""Settings of the test project: no database, no cache server, in-memory channel layer."""

import os

SECRET_KEY = "for tests only"
DEBUG = False
ALLOWED_HOSTS = ["*"]
USE_TZ = True
ROOT_URLCONF = "streamsite.urls"
ASGI_APPLICATION = "streamsite.asgi.application"
INSTALLED_APPS = [
    "django.contrib.contenttypes",  # djust asks for django.contrib.auth, and that for this
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "channels",
    "djust",
    "djust_stream",
]
MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware"]
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]
STATIC_URL = "/static/"
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
LIVEVIEW_ALLOWED_MODULES = ["streamsite.views"]
# djust's own limits: so many connections and events of one address are no abuse here.
DJUST_CONFIG = {"rate_limit": {"rate": 10_000, "burst": 10_000, "max_connections_per_ip": 10_000}}
LIVEVIEW_CONFIG = DJUST_CONFIG
DJUST_STREAM = {
    "SLOW_READER_TIMEOUT_S": float(os.environ.get("SLOW_READER_TIMEOUT_S", "60")),
    "LOG_BYTES": int(os.environ.get("LOG_BYTES", str(64 << 10))),
    "MAX_STREAMS": int(os.environ.get("MAX_STREAMS", "1000")),
    "STORE": os.environ.get("STORE", "memory"),
}
SILENCED_SYSTEM_CHECKS = ["djust.S001"]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL", "WARNING")},
}
