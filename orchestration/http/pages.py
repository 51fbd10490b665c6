"""The API's documentation to click through, from this host alone: Swagger UI and ReDoc."""

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import fastapi_offline
from fastapi import FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

ASSETS = Path(fastapi_offline.__file__).parent / "static"
PLACE = "/docs/assets"
INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def serve_pages(app: FastAPI) -> None:
    """Add `/docs` and `/redoc`, and what these pages load."""
    title, openapi_url = app.title, str(app.openapi_url)
    swagger = get_swagger_ui_html(
        openapi_url=openapi_url,
        title=f"{title}: the API",
        swagger_js_url=f"{PLACE}/swagger-ui-bundle.js",
        swagger_css_url=f"{PLACE}/swagger-ui.css",
        swagger_favicon_url=f"{PLACE}/favicon.png",
    )
    redoc = get_redoc_html(
        openapi_url=openapi_url,
        title=f"{title}: the API",
        redoc_js_url=f"{PLACE}/redoc.standalone.js",
        redoc_favicon_url=f"{PLACE}/favicon.png",
        with_google_fonts=False,
    )
    for path, page in (("/docs", swagger), ("/redoc", redoc)):
        page.headers["Content-Security-Policy"] = _policy_of(bytes(page.body))
        app.add_api_route(path, _answering(page), include_in_schema=False)
    app.mount(PLACE, StaticFiles(directory=ASSETS), name="assets")


def _answering(page: HTMLResponse):  # type: ignore[no-untyped-def]  # noqa: ANN202
    def show() -> HTMLResponse:
        return page

    return show


def _policy_of(page: bytes) -> str:
    """What the page may load: this host's files, and the scripts that are in it as they are."""
    hashes = (b64encode(sha256(script).digest()).decode() for script in INLINE_SCRIPT.findall(page))
    scripts = " ".join(f"'sha256-{value}'" for value in hashes)
    return (
        f"default-src 'none'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
        "frame-ancestors 'none'"
    )
