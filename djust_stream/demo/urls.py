"""One page."""

from django.urls import path
from django.views.generic import TemplateView

from .model import QUESTIONS

urlpatterns = [
    path("", TemplateView.as_view(template_name="demo/chat.html", extra_context={"questions": QUESTIONS})),
]
