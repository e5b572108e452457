"""What beat rings for in the API."""

from celery import shared_task
from django.utils import timezone

from api.models import KeptAnswer


@shared_task(name="api.forget_old_answers", ignore_result=True)
def forget_old_answers() -> None:
    KeptAnswer.objects.too_old(timezone.now()).delete()
