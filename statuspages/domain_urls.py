"""All that the domain of a status page answers. Which page it is, the middleware has found by the host."""

from statuspages.urls import anywhere

urlpatterns = anywhere
handler400 = handler403 = handler404 = "uptime.errors.refused"
handler500 = "uptime.errors.failed"
