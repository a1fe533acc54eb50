"""A real OpenID provider on this machine, npm's `oidc-provider`, shaped as Microsoft Entra ID is.

    with provider(folder) as served:
        served.set(lasts=200, consent=["Mail.Read"])     # steer it; see provider.mjs
        served.browse(auth_uri)                          # what a person does in a browser

It is installed once into a cache folder; where there is no node, no npm or no network for that, tests skip.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import platformdirs
import pytest
import trustme

VERSION = "9.13.3"
HERE = Path(__file__).parent
TENANT = "contoso"
TID = "0f9d3c5e-7a51-4a7e-8c3b-2d1f0e6a9b84"
PERSON, APP, SERVICE, CERTIFIED, SECRET = "ada@contoso.example", "app-1", "service-1", "service-2", "correct-secret"
GRAPH = "https://graph.microsoft.com"
_FIELD = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')
_XSRF = re.compile(r'name="xsrf" value="([^"]+)"')


@dataclass
class Provider:
    """The running provider: `url` is its authority, `ca` the PEM file to trust it by."""

    url: str
    ca: Path
    client: httpx.Client

    def control(self, action: str, **fields: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.client.post(f"{self.url}/control", json={"action": action, **fields}).json()
        return found

    def set(self, **fields: Any) -> None:
        self.control("set", **fields)

    def forms(self, grant: str = "") -> list[dict[str, str]]:
        """Return what was posted to it, of a grant type if one is given."""
        log = self.control("look")["log"]
        return [each["form"] for each in log if grant in each["form"].get("grant_type", "")]

    def browse(self, address: str) -> bool:
        """Open an address as a person's browser does, to the end of its redirects."""
        with self._browser() as browser:
            page = browser.get(address).text
            if form := re.search(r'<form method="post" action="([^"]+)"', page):
                fields = {name: html.unescape(value) for name, value in _FIELD.findall(page)}
                browser.post(html.unescape(form[1]), data=fields)
        return True

    def enter(self, uri: str, code: str, *, agree: bool = True) -> None:
        """Enter the code of a device, in a browser, and say that it is the right one."""
        with self._browser() as browser:
            form = {"xsrf": _xsrf(browser.get(uri).text), "user_code": code}
            page = browser.post(uri, data=form).text
            form["xsrf"] = _xsrf(page)
            browser.post(uri, data={**form, **({"confirm": "yes"} if agree else {"abort": "yes"})})

    def _browser(self) -> httpx.Client:
        return httpx.Client(verify=_trusting(self.ca), follow_redirects=True, trust_env=False)


def _xsrf(page: str) -> str:
    found = _XSRF.search(page)
    assert found, page
    return found[1]


def _trusting(ca: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca))


def installed() -> Path:
    """Return the folder that the provider is installed in; skips where it can't be had."""
    node, npm = shutil.which("node"), shutil.which("npm")
    folder = Path(platformdirs.user_cache_dir("everpilot-tests", appauthor=False)) / f"oidc-provider-{VERSION}"
    if not node:
        pytest.skip("node is not installed")
    if folder.is_dir():
        return folder
    if not npm:
        pytest.skip("npm is not installed")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as made:
        words = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=0", "--prefix", made]
        try:
            subprocess.run([*words, f"oidc-provider@{VERSION}"], check=True, capture_output=True, timeout=90)
        except (subprocess.SubprocessError, OSError) as error:
            pytest.skip(f"oidc-provider can't be installed: {error}")
        try:
            Path(made).rename(folder)
        except OSError:  # another process was first
            assert folder.is_dir()
        Path(made).mkdir(exist_ok=True)
    return folder


def _clients(certificate_jwk: dict[str, str], scopes: str) -> list[dict[str, Any]]:
    common = {"id_token_signed_response_alg": "ES256", "scope": f"openid offline_access profile {scopes}"}
    person = ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"]
    service = ["client_credentials", "refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer"]
    apart = {"redirect_uris": [], "response_types": []}
    return [
        {
            **common,
            "client_id": APP,
            "application_type": "native",
            "token_endpoint_auth_method": "none",
            "redirect_uris": ["http://localhost"],
            "grant_types": person,
        },
        {
            **common,
            **apart,
            "client_id": SERVICE,
            "client_secret": SECRET,
            "grant_types": service,
            "token_endpoint_auth_method": "client_secret_post",
        },
        {
            **common,
            **apart,
            "client_id": CERTIFIED,
            "grant_types": ["client_credentials"],
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": {"keys": [certificate_jwk]},
        },
    ]


@contextmanager
def provider(folder: Path, scopes: list[str], certificate_jwk: dict[str, str]) -> Iterator[Provider]:
    """Serve the provider, which knows these scopes of Graph; `certificate_jwk` is the key of the certified app."""
    packages, ca = installed(), trustme.CA()
    pem = folder / "authority.pem"
    ca.cert_pem.write_to_path(str(pem))
    cert = ca.issue_cert("localhost")
    full = [f"{GRAPH}/{scope}" for scope in (*scopes, ".default")]
    settings = {
        "tenant": TENANT,
        "tid": TID,
        "person": PERSON,
        "scopes": full,
        "clients": _clients(certificate_jwk, " ".join(full)),
        "key": cert.private_key_pem.bytes().decode(),
        "cert": "".join(part.bytes().decode() for part in cert.cert_chain_pems),
    }
    environment = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "SYSTEMROOT")}
    with subprocess.Popen(
        ["node", str(HERE / "provider.mjs"), str(packages)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(settings))
        process.stdin.close()
        told = process.stdout.readline()
        try:
            assert told, "the provider did not start"
            with httpx.Client(verify=_trusting(pem), trust_env=False) as client:
                yield Provider(json.loads(told)["url"], pem, client)
        finally:
            process.kill()
