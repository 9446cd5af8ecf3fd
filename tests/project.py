"""The Django project of the tests, in this process: importing this module sets it up."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import django

sys.path.insert(0, str(Path(__file__).parent / "django"))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "streamsite.settings")
django.setup()
