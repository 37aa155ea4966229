"""The catalog is whole in both languages, templates have no text of their own, and every key that is used is there."""

import re
from pathlib import Path
from string import Formatter

import pytest
from jinja2 import Environment
from jinja2.lexer import Lexer, get_lexer

import kirmash.web
from kirmash.web.texts import LANGUAGES, CatalogError, catalog, form_of

WEB = Path(kirmash.web.__file__).parent
TEMPLATES = sorted((WEB / "templates").rglob("*.html"))
EN, RU = (catalog(language) for language in LANGUAGES)
# Names of languages, and what has one name everywhere.
SAME = {"language.en", "language.ru", "nav.api"}
# What a page may say outside the catalog: signs and the names of file formats.
PLAIN = re.compile(r"\b(CSV|XLSX|F2|Ctrl|PINE-44071|html|UTF)\b")


def forms(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def names(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_both_languages_have_the_same_keys() -> None:
    assert set(EN) == set(RU)


@pytest.mark.parametrize("key", sorted(EN))
def test_a_text_says_something_in_each_language(key: str) -> None:
    for text in forms(EN[key]):
        assert text.strip()
        assert key in SAME or not re.search("[А-Яа-яЁё]", text), "Russian in the English text"
    for text in forms(RU[key]):
        assert text.strip()
        assert key in SAME or re.search("[А-Яа-яЁё]", text) or not re.search("[A-Za-z]{2}", text), "no Russian"
    assert {frozenset(names(it)) for it in forms(EN[key])} == {frozenset(names(it)) for it in forms(RU[key])}


def test_forms_by_number_are_those_of_the_language() -> None:
    assert [form_of("en", n) for n in (0, 1, 2, 21, 101)] == [1, 0, 1, 1, 1]
    one, few, many = 0, 1, 2
    expected = {0: many, 1: one, 2: few, 4: few, 5: many, 11: many, 12: many, 14: many, 21: one, 22: few, 25: many}
    expected |= {101: one, 111: many, 112: many, 122: few}
    assert {n: form_of("ru", n) for n in expected} == expected
    for key in EN:
        if isinstance(EN[key], tuple):
            assert (len(EN[key]), len(RU[key])) == (2, 3), key


def test_a_key_that_is_not_there_is_an_error() -> None:
    from zoneinfo import ZoneInfo

    from kirmash.web.words import Words

    with pytest.raises(KeyError):
        Words("en", ZoneInfo("Europe/Minsk")).text("no.such.key")
    assert issubclass(CatalogError, Exception)


def literal(source: str) -> list[str]:
    """What of a template would reach the reader without going through the catalog."""
    lexer: Lexer = get_lexer(Environment())
    kept = []
    for _, kind, value in lexer.tokeniter(source, "template"):
        kept.append(value if kind == "data" else " " if kind in ("comment", "comment_begin", "comment_end") else "\x00")
    text = re.sub(r"\x00+", "§", "".join(kept))
    found = [
        value
        for name, value in re.findall(r'(aria-label|title|placeholder|alt|content)="([^"§]*)"', text)
        if re.search("[A-Za-zА-Яа-я]", value) and not (name == "content" and re.match(r"width=|light dark", value))
    ]
    outside = re.sub(r"<[^>]*>", " ", text)
    return found + list(re.findall(r"[A-Za-zА-Яа-яЁё]{2,}", PLAIN.sub(" ", outside)))


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.name)
def test_a_template_has_no_text_of_its_own(file: Path) -> None:
    assert not literal(file.read_text(encoding="utf-8"))


def test_text_in_a_template_would_be_found() -> None:
    assert literal('<p>Hello {{ t("x") }}</p>') == ["Hello"]
    assert literal('<a title="Go" href="/x">{{ t("x") }}</a>') == ["Go"]
    assert literal('<a title="{{ t("x") }}" class="big red">×</a>{# a remark #}') == []


def used_keys() -> set[str]:
    """Keys that stand whole in a template or module."""
    found: set[str] = set()
    for file in TEMPLATES:
        found |= set(re.findall(r'\b[tn]\("([^"]+)"(?:[,)])', file.read_text(encoding="utf-8")))
        found |= set(re.findall(r"\b[tn]\('([^']+)'(?:[,)])", file.read_text(encoding="utf-8")))
    for file in WEB.glob("*.py"):
        source = file.read_text(encoding="utf-8")
        found |= set(re.findall(r'(?:label|caption|empty)="([a-z_]+\.[a-z_.]+)"', source))
        found |= set(re.findall(r'(?:NavigationEntry\("[^"]+", |\.text\()"([a-z_.]+)"', source))
    return found


def test_every_key_that_is_asked_for_is_there() -> None:
    keys = used_keys()
    assert len(keys) > 200, "the search for keys has gone wrong"
    assert not keys - set(EN)


def families() -> set[str]:
    """What stands before the last part of keys that are put together: a phase, a section, a reason."""
    found = {"help", "word"}
    for file in [*TEMPLATES, *WEB.glob("**/*.py")]:
        source = file.read_text(encoding="utf-8")
        found |= set(re.findall(r"""["']([a-z_.]+)\.["'] ~""", source))
        found |= set(re.findall(r"""["']([a-z_.]+)\.\{""", source))
        found |= set(re.findall(r"""known\(\s*["']([a-z_.]+)["'],""", source))
    return found


def test_no_text_is_left_over() -> None:
    used, made = used_keys(), tuple(f"{it}." for it in families())
    assert not {key for key in EN if key not in used and not key.startswith(made)}
