"""Pages without djust: one stream of the consumer Plain."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

PAGE = mark_safe("""<!doctype html><meta charset="utf-8"><title>plain</title><body>
<div dj-stream="{name}">{inside}</div><button data-stream-stop="{name}">Stop</button>
<script type="module">
import {{ connect }} from "/static/djust_stream/djust-stream.js";
Object.assign(window, {{ alerts: [], busy: [], told: [] }});
const root = document.querySelector("[dj-stream]");
new MutationObserver(() => {{
  const alert = document.querySelector("[role=alert]");
  if (alert) alerts.push(alert.textContent);
  if (busy.at(-1) !== root.getAttribute("aria-busy")) busy.push(root.getAttribute("aria-busy"));
}}).observe(root, {{ attributes: true, childList: true }});
for (const name of ["resume", "gap", "gone", "start", "done"])
  document.addEventListener(`stream:${{name}}`, () => told.push(name));
window.chat = connect("/ws/plain/", {{ firstDelayMs: 60, lastDelayMs: 200, {options} }});
</script>""")


def plain(request: HttpRequest) -> HttpResponse:
    """name: of the stream. options: of connect, as JavaScript. inside: HTML that is there before."""
    given = {key: SafeString(request.GET.get(key, "")) for key in ("name", "options", "inside")}
    return HttpResponse(format_html(PAGE, **given))
