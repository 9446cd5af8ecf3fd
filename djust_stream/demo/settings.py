"""All the settings the demo needs. Only the line with the arrow is about djust_stream."""

import os

from django.core.management.utils import get_random_secret_key

INSTALLED_APPS = [
    "django.contrib.staticfiles",
    "channels",
    "djust_stream",  # <--
    "djust_stream.demo",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "djust_stream.demo.csp.StrictCsp",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
ROOT_URLCONF = "djust_stream.demo.urls"
ASGI_APPLICATION = "djust_stream.demo.asgi.application"
STATIC_URL = "/static/"
ALLOWED_HOSTS = os.environ.get("DJUST_STREAM_DEMO_HOSTS", "127.0.0.1 localhost [::1]").split()
SECRET_KEY = get_random_secret_key()  # the demo keeps no session beyond its own run
USE_TZ = True
