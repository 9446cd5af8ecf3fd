"""The WSGI application of the test project: its plain views."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "streamsite.settings")

from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.wsgi import get_wsgi_application

application = StaticFilesHandler(get_wsgi_application())
