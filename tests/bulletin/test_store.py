"""notices.db: written once, never changed, withdrawn once; bounded plain text."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from pysqlite3 import dbapi2

from kirmash.bulletin import Bulletin, BulletinFailed, Notice, Unfit

TEXTS = {"title_en": "Holiday", "title_ru": "Праздник", "text_en": "No session.", "text_ru": "Торгов нет."}


@pytest.fixture
def bulletin(tmp_path: Path) -> Iterator[Bulletin]:
    clock = count(1_000)
    made = Bulletin(tmp_path / "notices.db", lambda: next(clock))
    yield made
    made.close()


def refusals(unfit: pytest.ExceptionInfo[Unfit]) -> set[tuple[str, str]]:
    return {(it.field, it.why) for it in unfit.value.refusals}


def test_a_notice_is_kept_with_who_and_when(bulletin: Bulletin) -> None:
    made = bulletin.publish("a", "op-1", **TEXTS)
    assert (made.notice, made.by, made.at) == (1, "op-1", 1_000)
    assert bulletin.present() == [made] == bulletin.notices()
    again = Bulletin(bulletin.path)
    assert again.notices() == [made]
    again.close()


def test_the_newest_comes_first_and_pages_go_on(bulletin: Bulletin) -> None:
    numbers = [bulletin.publish(f"n{at}", "op-1", **TEXTS).notice for at in range(5)]
    assert [it.notice for it in bulletin.notices(limit=2)] == numbers[:2:-1]
    assert [it.notice for it in bulletin.notices(before=3)] == [2, 1]


def test_the_same_id_writes_once(bulletin: Bulletin) -> None:
    first = bulletin.publish("a", "op-1", **TEXTS)
    assert bulletin.publish("a", "op-1", **TEXTS) == first
    with pytest.raises(Unfit) as unfit:
        bulletin.publish("a", "op-1", **{**TEXTS, "text_en": "Another."})
    assert refusals(unfit) == {("entry", "reused")}
    assert len(bulletin.notices(withdrawn=True)) == 1


def test_a_notice_is_withdrawn_once_and_stays_in_the_file(bulletin: Bulletin) -> None:
    made = bulletin.publish("a", "op-1", **TEXTS)
    gone = bulletin.withdraw("b", "op-2", made.notice, "a wrong day")
    assert bulletin.present() == bulletin.notices() == []
    assert bulletin.notices(withdrawn=True) == [gone]
    assert (gone.withdrawn_by, gone.reason) == ("op-2", "a wrong day")
    assert bulletin.withdraw("b", "op-2", made.notice, "a wrong day") == gone
    with pytest.raises(Unfit) as unfit:
        bulletin.withdraw("c", "op-2", made.notice, "once more")
    assert refusals(unfit) == {("notice", "withdrawn")}
    bulletin.remark("r", "op-2", 17, "no notice")
    for number in (99, gone.notice + 1):
        with pytest.raises(Unfit) as unfit:
            bulletin.withdraw(f"d{number}", "op-2", number, "what is none")
        assert refusals(unfit) == {("notice", "unknown")}


def test_numbers_of_notices_do_not_count_what_else_was_written(bulletin: Bulletin) -> None:
    """They are public: a gap would tell of an operator's intervention."""
    first = bulletin.publish("a", "op-1", **TEXTS)
    for number in range(17, 20):
        bulletin.remark(f"r{number}", "op-1", number, "he asked by telephone")
    bulletin.withdraw("w", "op-1", first.notice, "a wrong day")
    assert [first.notice, bulletin.publish("b", "op-1", **TEXTS).notice] == [1, 2]


def test_an_id_of_a_notice_is_not_used_for_anything_else(bulletin: Bulletin) -> None:
    made = bulletin.publish("a", "op-1", **TEXTS)
    bulletin.remark("r", "op-1", made.notice, "typing error")
    for write in (
        lambda: bulletin.remark("a", "op-1", 17, "typing error"),
        lambda: bulletin.withdraw("a", "op-1", made.notice, "typing error"),
        lambda: bulletin.withdraw("r", "op-1", made.notice, "typing error"),
        lambda: bulletin.publish("r", "op-1", **TEXTS),
    ):
        with pytest.raises(Unfit) as unfit:
            write()
        assert refusals(unfit) == {("entry", "reused")}
    assert bulletin.present() == [made]


@pytest.mark.parametrize("change", ["publish", "withdraw"])
def test_what_was_read_before_a_change_is_not_kept_after_it(
    bulletin: Bulletin, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """A reader has his list, another thread changes it, and only then the reader goes on."""
    first = bulletin.publish("a", "op-1", **TEXTS)

    def overtaken() -> list[Notice]:
        monkeypatch.undo()
        found = bulletin.notices()
        if change == "publish":
            bulletin.publish("b", "op-1", **TEXTS)
        else:
            bulletin.withdraw("b", "op-1", first.notice, "a wrong day")
        return found

    monkeypatch.setattr(bulletin, "notices", overtaken)
    assert bulletin.present() == [first], "it was asked for before the change"
    assert [it.notice for it in bulletin.present()] == ([2, 1] if change == "publish" else [])


@pytest.mark.parametrize(
    ("field", "text", "why"),
    [
        ("title_en", "", "missing"),
        ("title_ru", " \n ", "missing"),
        ("title_en", "x" * 121, "too_long"),
        ("text_ru", "я" * 2_001, "too_long"),
        ("text_en", "a\x00b", "unprintable"),
        ("text_en", "right\u202eleft", "unprintable"),
    ],
)
def test_what_is_unfit_is_refused_and_nothing_kept(bulletin: Bulletin, field: str, text: str, why: str) -> None:
    with pytest.raises(Unfit) as unfit:
        bulletin.publish("a", "op-1", **{**TEXTS, field: text})
    assert refusals(unfit) == {(field, why)}
    assert bulletin.notices(withdrawn=True) == []


def test_the_longest_that_fits_is_kept_with_its_lines(bulletin: Bulletin) -> None:
    text = "я" * 1_000 + "\r\n" + "x" * 999
    made = bulletin.publish("a", "op-1", **{**TEXTS, "text_ru": text, "title_en": "x" * 120})
    assert made.text_ru == text.replace("\r\n", "\n")


def test_remarks_are_found_by_record(bulletin: Bulletin) -> None:
    bulletin.remark("a", "op-1", 17, "he asked by telephone")
    bulletin.remark("a", "op-1", 17, "he asked by telephone")
    bulletin.remark("b", "op-1", 18, "typing error")
    assert {number: it.text for number, it in bulletin.remarks([17, 19]).items()} == {17: "he asked by telephone"}
    assert bulletin.notices(withdrawn=True) == []


def test_the_file_itself_refuses_changes(bulletin: Bulletin) -> None:
    bulletin.publish("a", "op-1", **TEXTS)
    raw = dbapi2.connect(bulletin.path)
    bulletin.remark("b", "op-1", 17, "typing error")
    for statement in (
        *("UPDATE notices SET text_en = 'x'", "DELETE FROM notices"),
        *("UPDATE asides SET text = 'x'", "DELETE FROM asides"),
    ):
        with pytest.raises(dbapi2.DatabaseError, match="only added"):
            raw.execute(statement)
    raw.close()


def test_the_file_is_its_owners(bulletin: Bulletin) -> None:
    assert bulletin.path.stat().st_mode & 0o077 == 0


def test_what_is_no_file_of_ours_is_told(tmp_path: Path) -> None:
    other = tmp_path / "notices.db"
    other.write_bytes(b"this is no database at all" * 100)
    with pytest.raises(BulletinFailed):
        Bulletin(other)
    newer = tmp_path / "newer.db"
    raw = dbapi2.connect(newer)
    raw.execute("PRAGMA user_version = 99")
    raw.close()
    with pytest.raises(BulletinFailed, match="version 99"):
        Bulletin(newer)
