"""A site of Django in one file: its cache and its sessions are in Ramekin.

    pip install ramekin django
    python examples/python/django_site.py runserver
    uvicorn django_site:application --app-dir examples/python      # several workers need RAMEKIN_ADDRESS=ramekin://…

RAMEKIN_ADDRESS says where the data is: a folder (`./data`, the default), `postgresql://…`, or `ramekin://host:6379`.
"""

from __future__ import annotations

import os
import secrets
import sys
import time

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.cache import cache
from django.core.management import execute_from_command_line
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.cache import cache_page

ADDRESS = os.environ.get("RAMEKIN_ADDRESS", "./data")

if not settings.configured:
    settings.configure(
        DEBUG=False,
        ALLOWED_HOSTS=["127.0.0.1", "localhost", "testserver"],
        SECRET_KEY=os.environ.get("SECRET_KEY") or secrets.token_urlsafe(),
        ROOT_URLCONF=__name__,
        USE_TZ=True,
        MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
        INSTALLED_APPS=["django.contrib.sessions"],
        CACHES={"default": {"BACKEND": "ramekin.contrib.django.cache.RamekinCache", "LOCATION": ADDRESS}},
        SESSION_ENGINE="ramekin.contrib.django.sessions",
        RAMEKIN_SESSIONS={"LOCATION": ADDRESS},
    )


def visits(request: HttpRequest) -> JsonResponse:
    """Counted for each visitor in the session, and for all in the cache."""
    request.session["visits"] = request.session.get("visits", 0) + 1
    cache.add("visits", 0, timeout=None)
    return JsonResponse({"yours": request.session["visits"], "all": cache.incr("visits")})


@cache_page(60)
def report(request: HttpRequest) -> JsonResponse:
    """Made once a minute."""
    return JsonResponse({"made": time.time_ns()})


async def presence(request: HttpRequest, name: str) -> JsonResponse:
    """Who was here within the last thirty seconds. The loop does not wait."""
    await cache.aset(f"here:{name}", True, timeout=30)
    names = ["ada", "grace", "edsger"]
    here = await cache.aget_many([f"here:{other}" for other in names])
    return JsonResponse({"here": [other for other in names if f"here:{other}" in here]})


urlpatterns = [path("visits", visits), path("report", report), path("presence/<str:name>", presence)]
application = get_asgi_application()

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
