"""Vendored files are those that are written down; files are kept by browsers and load nothing from elsewhere."""

import hashlib
import re

import kirmash.web.static_files as files
from tests.web.exchange import Exchange

VENDORED = (files.FOLDER / "vendor" / "VENDORED.md").read_text(encoding="utf-8")


def test_vendored_files_are_unchanged() -> None:
    listed = dict(re.findall(r"\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|", VENDORED))
    there = {it.name for it in (files.FOLDER / "vendor").iterdir() if it.suffix in (".js", ".css")}
    assert set(listed) == there
    for name, digest in listed.items():
        assert hashlib.sha256((files.FOLDER / "vendor" / name).read_bytes()).hexdigest() == digest, name


def test_our_own_files_load_nothing_from_elsewhere() -> None:
    for file in files.FOLDER.glob("*.*"):
        text = file.read_text(encoding="utf-8")
        assert "http://" not in text.replace("http://www.w3.org", "")
        assert "https://" not in text
        assert "eval(" not in text
        assert "innerHTML" not in text
        assert "url(data:" not in text


def test_every_picture_that_the_vendored_style_would_carry_inside_is_one_of_ours() -> None:
    vendored = (files.FOLDER / "vendor" / "pico.min.css").read_text(encoding="utf-8")
    ours = (files.FOLDER / "kirmash.css").read_text(encoding="utf-8")
    wanted = set(re.findall(r"(--pico-icon-[a-z]+):url\(", vendored))
    assert wanted
    given = dict(re.findall(r'(--pico-icon-[a-z]+): url\("\.\./([^"]+)"\)', ours))
    assert wanted == set(given)
    assert all((files.FOLDER / path).is_file() for path in given.values())


def test_every_variable_that_is_used_is_set() -> None:
    ours = (files.FOLDER / "kirmash.css").read_text(encoding="utf-8")
    used, made = set(re.findall(r"var\((--k-[a-z-]+)", ours)), set(re.findall(r"(--k-[a-z-]+):", ours))
    assert not used - made


def test_files_are_kept_for_a_year_under_an_address_of_their_own(exchange: Exchange) -> None:
    client = exchange.client()
    answer = client.get(f"{files.prefix()}/kirmash.css")
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.get("/static/000000000000/kirmash.css").status_code == 404
    assert client.get(f"{files.prefix()}/../rendering.py").status_code == 404
    assert client.get(f"{files.prefix()}/%2e%2e/rendering.py").status_code == 404
    assert "immutable" not in client.get(f"{files.prefix()}/nothing.css").headers.get("cache-control", "")
