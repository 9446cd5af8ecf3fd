"""One page per djust view."""

from django.urls import path

from . import sse, views

urlpatterns = [
    path("chat/", views.Chat.as_view()),
    path("ignore/", views.Kept.as_view()),
    *sse.urlpatterns,
]
