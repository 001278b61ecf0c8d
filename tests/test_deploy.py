"""Dockerfile, compose file and Caddyfile fit each other, the settings and the package."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import shutil
import stat
import subprocess
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from mien import __version__
from mien.web.access import needs_token, required_token
from mien.web.jobs.uploads import FORM_BYTES
from mien.web.settings import Settings, load_settings

yaml = pytest.importorskip("yaml", reason="install with pip install -e '.[dev]'")

REPO = Path(__file__).resolve().parents[1]
DOCKERFILE = (REPO / "Dockerfile").read_text(encoding="utf-8")
CADDYFILE = (REPO / "deploy/Caddyfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((REPO / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
# Read where no settings are: where the user's data is.
NO_SETTINGS = {"MIEN_HOME"}


def instructions(name: str) -> list[str]:
    """The arguments of an instruction of the Dockerfile, continued lines joined."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", " ")
    return re.findall(rf"^{name}\s+(.*)$", text, re.MULTILINE)


def copied() -> list[str]:
    """What the Dockerfile takes out of the repository."""
    lines = [line for line in instructions("COPY") if "--from" not in line]
    return [source for line in lines for source in line.split()[:-1]]


def is_sent(path: str) -> bool:
    """Whether .dockerignore lets a path go to the builder; the last line that fits counts."""
    sent = True
    for line in (REPO / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!").removeprefix("**/")
        if line and not line.startswith("#"):
            parts = Path(path).parts
            begins = ["/".join(parts[: n + 1]) for n in range(len(parts))]
            names = parts if "**/" in line else begins
            if any(fnmatch(one, pattern) and "/" not in one.replace(pattern, "") for one in names):
                sent = line.startswith("!")
    return sent


def test_everything_that_is_copied_exists_and_is_sent_to_the_builder() -> None:
    assert len(copied()) > 6
    for source in copied():
        assert (REPO / source).exists(), source
        assert is_sent(source), source


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        "deploy/secrets/token",
        "reports/x.html",
        "runs/mien-s/last.ckpt",
        "tests/conftest.py",
        "web/node_modules/vite/package.json",
        "src/mien/web/static/index.html",
        "src/mien/web/__pycache__/app.pyc",
    ],
)
def test_nothing_else_is_sent_to_the_builder(path: str) -> None:
    assert not is_sent(path)


def test_the_wheel_has_in_the_builder_what_its_configuration_names() -> None:
    project = (REPO / "pyproject.toml").read_text(encoding="utf-8")
    for named in ("README.md", "LICENSE", "NOTICE", "recipes", "src", "hatch_build.py"):
        assert named == "hatch_build.py" or f'"{named}' in project
        assert named in copied(), named


def test_versions_are_that_of_the_package() -> None:
    assert f'version="{__version__}"' in " ".join(instructions("LABEL"))
    assert SERVICES["mien"]["image"] == f"mien:{__version__}"
    python = {image.split()[0] for image in instructions("FROM")}
    assert len(python) == 1, "the environment is made with the Python that runs it"
    oldest = re.search(r'requires-python = ">=([\d.]+)"', (REPO / "pyproject.toml").read_text())
    found = re.match(r"python:(\d+\.\d+)-slim", python.pop())
    assert oldest and found
    assert [int(n) for n in found[1].split(".")] >= [int(n) for n in oldest[1].split(".")]


def test_the_container_runs_as_nobody_special_and_keeps_data_in_its_volume() -> None:
    (user,) = instructions("USER")
    uid, gid = (int(number) for number in user.split(":"))
    assert uid > 1000 and gid > 1000
    assert f"--uid {uid}" in DOCKERFILE and f"--gid {gid}" in DOCKERFILE
    assert instructions("VOLUME") == ["/data"]
    assert "MIEN_HOME=/data" in DOCKERFILE
    assert instructions("ENTRYPOINT") == ['["mien"]']
    # Nothing that builds is in the last stage.
    last = DOCKERFILE.rpartition("FROM ")[2]
    assert "apt-get" not in DOCKERFILE and "pip" not in last


def test_every_setting_that_is_named_exists() -> None:
    in_compose = {key for one in SERVICES.values() for key in one.get("environment", {})}
    named = set(re.findall(r"\bMIEN_[A-Z_]+(?==)", DOCKERFILE)) | in_compose
    ours = {name for name in named if name.startswith("MIEN_")}
    assert len(ours) > 6
    known = {f"MIEN_{name.upper()}" for name in Settings.model_fields} | NO_SETTINGS
    assert ours <= known


def test_the_servers_environment_is_one_that_it_starts_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("a-token-of-this-test\n")
    (tmp_path / "database_url").write_text("postgresql://mien:geheim@postgres/mien")
    given = {**dict(re.findall(r"\b(MIEN_[A-Z_]+)=(\S+)", DOCKERFILE))}
    given |= SERVICES["mien"]["environment"]
    for name, value in given.items():
        value = value.replace("/run/secrets", str(tmp_path))
        monkeypatch.setenv(name, value.replace("${DOMAIN:-localhost}", "faces.example"))
    settings = load_settings()
    assert settings.host == "0.0.0.0" and settings.port == 8765
    assert needs_token(settings) and required_token(settings) == "a-token-of-this-test"
    assert settings.allowed_origins == ("https://faces.example",)
    assert settings.database_url is not None
    url = make_url(settings.database_url.get_secret_value())
    assert (
        url.host in SERVICES and url.database == SERVICES["postgres"]["environment"]["POSTGRES_DB"]
    )
    assert url.username == SERVICES["postgres"]["environment"]["POSTGRES_USER"]
    assert f"EXPOSE {settings.port}" in DOCKERFILE
    assert SERVICES["caddy"]["environment"]["UPSTREAM"] == f"mien:{settings.port}"


def test_only_the_proxy_can_be_reached_and_only_it_reaches_out() -> None:
    assert [name for name, one in SERVICES.items() if "ports" in one] == ["caddy"]
    assert COMPOSE["networks"]["inside"]["internal"] is True
    for name in ("mien", "postgres"):
        assert SERVICES[name]["networks"] == ["inside"]
    address = SERVICES["caddy"]["networks"]["inside"]["ipv4_address"]
    subnet = COMPOSE["networks"]["inside"]["ipam"]["config"][0]["subnet"]
    assert ipaddress.ip_address(address) in ipaddress.ip_network(subnet)
    assert json.loads(SERVICES["mien"]["environment"]["MIEN_TRUSTED_PROXIES"]) == [address]


@pytest.mark.parametrize("name", list(SERVICES))
def test_every_container_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    limits = service["deploy"]["resources"]["limits"]
    assert {"cpus", "memory", "pids"} <= set(limits)
    assert not {"privileged", "network_mode", "pid", "devices"} & set(service)
    assert ":latest" not in service["image"] and ":" in service["image"]


def test_volumes_secrets_and_dependencies_that_are_named_exist() -> None:
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            there = (
                (REPO / source).exists()
                if source.startswith(".")
                else (source in COMPOSE["volumes"])
            )
            assert there, f"{name}: {source}"
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])
        for other, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert "healthcheck" in SERVICES[other] or other == "mien"
    assert instructions("HEALTHCHECK"), "what waits for mien waits for its healthcheck"
    inside = {f"/run/secrets/{name}" for name in COMPOSE["secrets"]}
    for service in SERVICES.values():
        for value in service.get("environment", {}).values():
            assert not value.startswith("/run/secrets/") or value in inside


def test_secrets_are_made_once_and_fit_each_other(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here to make secrets with")
    script = shutil.copy(REPO / "deploy/make_secrets.sh", tmp_path)
    command = ["sh", str(script)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    folder = tmp_path / "secrets"
    made = {path.name: path.read_text().strip() for path in folder.iterdir()}
    assert {f"./deploy/secrets/{name}" for name in made} == {
        one["file"] for one in COMPOSE["secrets"].values()
    }
    assert set(made) == set(COMPOSE["secrets"])
    assert made["token"] in said and made["postgres_password"] not in said
    assert required_token(load_settings(host="0.0.0.0", token=made["token"])) == made["token"]
    assert make_url(made["database_url"]).password == made["postgres_password"]
    assert len(made["postgres_password"]) >= 32
    if os.name == "posix":
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 1 and "is there already" in again.stderr
    assert (folder / "token").read_text().strip() == made["token"]


def test_the_proxy_lets_through_what_the_server_takes() -> None:
    by_path = dict(re.findall(r"request_body @(\w+) {\s*max_size (\d+)MB", CADDYFILE))
    settings = Settings.model_fields
    jobs, others = int(by_path["jobs"]) * 1e6, int(by_path["others"]) * 1e6
    assert jobs >= settings["max_video_bytes"].default + FORM_BYTES
    assert settings["max_upload_bytes"].default <= others < 2 * settings["max_upload_bytes"].default


def test_the_proxy_keeps_metrics_inside() -> None:
    assert re.search(r"@inside path /metrics\s+respond @inside 404", CADDYFILE)
