"""One page per djust view."""

from django.urls import path

from . import pages, sse, views

urlpatterns = [
    path("chat/", views.Chat.as_view()),
    path("plain/", pages.plain),
    path("scripted/", views.Scripted.as_view()),
    path("ignore/", views.Kept.as_view()),
    *sse.urlpatterns,
]
