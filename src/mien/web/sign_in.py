"""The pages around the token: where a person types it in, and where they are led on afterwards.

They are whole in themselves, since without the token this server gives no file, and have no
script. Whoever signs in comes to the page that they asked for: always one of `PAGES`, never an
address that somebody else chose.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse
from starlette.routing import compile_path
from starlette.types import Message, Receive, Scope

from mien.web.errors import ApiError
from mien.web.routes.page import PAGES

# A token has 200 characters at most; anything longer is no form of ours.
_MAX_FORM_BYTES = 2000
_FORM_TYPE = "application/x-www-form-urlencoded"
_PAGES = tuple(compile_path(address)[0] for address in PAGES)

# The pages' own look (web/src/styles/tokens.css), as far as it can be had without a file.
_STYLE = """
:root { color-scheme: light dark; --paper: light-dark(#f6f4ef, #101114);
  --surface: light-dark(#fffefb, #191b20); --ink: light-dark(#191a1f, #f1efe9);
  --soft: light-dark(#5a5d66, #a6a9b2); --line: light-dark(#dfdbd1, #2d3037);
  --strong: light-dark(#8b887f, #6f737d); --bad: light-dark(#b3261e, #ff8a80);
  --on: light-dark(#fffefb, #16171b); --focus: light-dark(#2f6bff, #7aa2ff); }
* { box-sizing: border-box; }
body { display: grid; place-items: center; min-height: 100dvh; margin: 0; padding: 1.25rem;
  background: var(--paper); color: var(--ink);
  font: 400 0.9375rem/1.5 system-ui, sans-serif; }
main { width: min(26rem, 100%); padding: clamp(1.5rem, 5vw, 2.25rem); border-radius: 22px;
  border: 1px solid var(--line); background: var(--surface); }
svg { width: 2.25rem; height: 2.25rem; fill: var(--ink); }
path { fill: none; stroke: #e69f00; stroke-width: 3; stroke-linecap: round; }
h1 { margin: 0.75rem 0 0; font-size: 1.375rem; line-height: 1.2; letter-spacing: -0.015em; }
p { margin: 0.75rem 0 0; color: var(--soft); overflow-wrap: anywhere; }
p[role] { color: var(--bad); }
form { display: grid; gap: 0.25rem; margin-top: 1.25rem; }
label { font-size: 0.8125rem; font-weight: 600; }
input { width: 100%; min-height: 2.75rem; padding: 0 0.75rem; border-radius: 8px;
  border: 1px solid var(--strong); background: var(--paper); color: inherit; font: inherit; }
button { min-height: 2.75rem; margin-top: 0.75rem; border: 0; border-radius: 99px;
  background: var(--ink); color: var(--on); font: inherit; font-weight: 550; cursor: pointer; }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
a { color: inherit; }
"""
_STYLE_SHA256 = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_SHA256}'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
{head}<title>{title} · mien</title>
<style>{style}</style>
</head>
<body>
<main>
<svg viewBox="0 0 32 32" aria-hidden="true"><circle cx="10" cy="11" r="2.4"/>
<circle cx="22" cy="11" r="2.4"/><path d="M7 19c2.4 4.4 5.6 6 9 6s6.6-1.6 9-6"/></svg>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""
# Under the other pages' policy, `no-referrer`, a browser would not say whose form it sends.
_FORM_HEAD = '<meta name="referrer" content="origin">\n'
_FORM = """{problem}<p>Open the link that <code>mien serve</code> showed when it started, or enter
the token here: it is what stands behind <code>/?token=</code> in that link. This browser
remembers it until it is closed.</p>
<form method="post" action="{target}">
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" maxlength="200"
 required autofocus>
<button>Sign in</button>
</form>"""


def page_wanted(scope: Scope) -> str | None:
    """Return the address of the page that is asked for, without a token; None for no page."""
    path = str(scope["path"])
    if not any(page.fullmatch(path) for page in _PAGES):
        return None
    given = parse_qsl(scope.get("query_string", b"").decode("latin-1"))
    query = urlencode([(name, value) for name, value in given if name != "token"])
    return f"{path}?{query}" if query else path


def is_sign_in(scope: Scope) -> bool:
    """Say whether a request is the form of `sign_in_page`, sent off."""
    if scope["type"] != "http" or scope["method"] != "POST" or page_wanted(scope) is None:
        return False
    sent_type = Headers(scope=scope).get("content-type", "")
    return sent_type.partition(";")[0].strip().lower() == _FORM_TYPE


async def token_of_form(receive: Receive) -> str:
    """Read the token that was typed in; empty where the form has none.

    Raises:
        ApiError: 413, if it is more than the form could send.
    """
    body = b""
    while True:
        message: Message = await receive()
        body += message.get("body", b"")
        if len(body) > _MAX_FORM_BYTES:
            raise ApiError(413, "too_large", f"the form has at most {_MAX_FORM_BYTES} bytes")
        if not message.get("more_body", False):
            break
    fields = dict(parse_qsl(body.decode("utf-8", errors="replace")))
    return re.sub(r"\s", "", fields.get("token", ""))


def sign_in_page(problem: ApiError, scope: Scope) -> HTMLResponse:
    """Return the page that asks for the token; it says what was wrong with one that was shown."""
    said = ""
    if problem.body.code != "token_required":
        words = problem.body.message[:1].upper() + problem.body.message[1:]
        said = f'<p role="alert">{html.escape(words)}.</p>\n'
    form = _FORM.format(problem=said, target=html.escape(page_wanted(scope) or "/"))
    title = "This server asks for its token"
    return _page(title, form, problem.status, problem.headers, head=_FORM_HEAD)


def welcome_page(target: str) -> HTMLResponse:
    """Return the page that leads on to `target`, an address that `page_wanted` gave.

    By a page that moves on and not by a 303: after a link from another site, a browser would
    withhold a strict cookie from the redirected request too.
    """
    body = f'<p><a href="{html.escape(target)}">Go on to the page</a></p>'
    return _page("Welcome", body, 200, {"Refresh": f"0; url={target}"})


def _page(
    title: str, body: str, status: int, headers: dict[str, str], *, head: str = ""
) -> HTMLResponse:
    content = _PAGE.format(title=title, style=_STYLE, head=head, body=body)
    policy = {"Content-Security-Policy": _POLICY}
    return HTMLResponse(content, status_code=status, headers={**headers, **policy})
