"""Receive with Django: the raw bytes are verified before anything parses them.

NOONMARK_WEBHOOK_SECRET=whsec_… python -m examples.receive_with_django

Delivery is at least once: docs/receiving.md shows how the work is done only once."""

import os

import django
from django.conf import settings
from django.core.management import call_command
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

import noonmark

SECRETS = os.environ.get("NOONMARK_WEBHOOK_SECRET", "").split()  # Two of them while one is being replaced.


def work(delivery: noonmark.Delivery) -> None:
    print(f"job {delivery.id}, attempt {delivery.attempt}: {delivery.body!r}", flush=True)


@csrf_exempt  # The signature says who sends this, not a cookie.
@require_POST
def hook(request: HttpRequest) -> HttpResponse:
    try:
        # `request.body` is raw; `request.POST` would be parsed.
        delivery = noonmark.verify(SECRETS, request.headers, request.body)
    except noonmark.InvalidSignature as refused:
        return HttpResponse(refused.reason, status=401)
    work(delivery)
    return HttpResponse(status=204)


urlpatterns = [path("hook", hook)]  # In a project of yours this and the view are all you need.

if __name__ == "__main__":
    settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["127.0.0.1"], DEBUG=False)
    django.setup()
    call_command("runserver", "127.0.0.1:9000", "--noreload", "--insecure")
