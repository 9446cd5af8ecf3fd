"""Settings without a fault; SITE takes that away."""

import json
import os

SECRET_KEY = "key-of-mysite-for-tests-only"
DEBUG = False
ALLOWED_HOSTS = ["localhost"]
USE_TZ = True
ROOT_URLCONF = "mysite.urls"
ASGI_APPLICATION = "mysite.asgi.application"
INSTALLED_APPS = ["django.contrib.staticfiles", "channels", "djust_stream"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "mysite.middleware.Policy",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
STATIC_URL = "/static/"
STATIC_ROOT = os.environ.get("STATIC_ROOT")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'"
HAS_PROBE = True
CHECKS_ORIGIN = True
CONSUMER = "stream"

globals().update(json.loads(os.environ.get("SITE", "{}")))
