"""Views of the size of a real exchange, invented: rows made by SQL, not by records. They are consistent enough to be
asked, and belong to no journal.

Session 1 has half of all deals, participant 1 a hundredth of each side; the rest is spread evenly.
"""

from pathlib import Path
from typing import Final

from pysqlite3 import dbapi2

from kirmash.projections.projector import Projector

PARTICIPANTS: Final = 36_000
DEALS: Final = 300_000
SESSIONS: Final = 500
INSTRUMENTS: Final = 40
AT: Final = "'2026-03-02T' || printf('%02d:%02d:%02d', n / 3600 % 24, n / 60 % 60, n % 60) || '.000000000Z'"
SESSION: Final = f"'s-' || iif(n % 2 = 0, 1, n / 2 % {SESSIONS} + 1)"
INSTRUMENT: Final = f"'i-' || (n % {INSTRUMENTS} + 1)"
BUYER: Final = f"'p-' || iif(n % 100 = 0, 1, n * 7 % {PARTICIPANTS} + 1)"
SELLER: Final = f"'p-' || iif(n % 100 = 1, 1, n * 11 % {PARTICIPANTS} + 1)"
BUY_CLIENT: Final = "iif(n % 3 = 0, 'c-' || (n % 5000 + 1), NULL)"


def _numbers(count: int) -> str:
    return f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})"


def _statements(participants: int, deals: int) -> list[tuple[str, int, str]]:
    """Table, how many rows, and the values of one."""
    order_terms = (
        "1000 + n % 50, 10, iif(n % 10 = 0, 4, 10), iif(n % 10 = 0, iif(n % 20 = 0, 6, 0), 0), NULL, 0, 1, NULL"
    )
    order_end = f"iif(n % 20 = 0, 1, iif(n % 10 = 0, 16, 3)), n, {AT}, n, {AT}"
    return [
        ("participants", participants, f"'p-'||n,'Invented '||n,'BY',1,1,1,NULL,1,0,NULL,1,n,{AT},n,{AT},n"),
        ("clients", 5_000, f"'c-'||n,'p-'||(n*5%{PARTICIPANTS}+1),'Client '||n,'BY',1,NULL,n,{AT},n"),
        ("traders", participants, f"'t-'||n,'p-'||n,1,n,{AT},n"),
        ("permissions", participants, f"'p-'||n,'metal',n%2+1,'export',n,{AT}"),
        ("cards", 40, f"'card-'||n,'1','metal','x','x','7214','TNE','[]',n,{AT}"),
        (
            "instruments",
            INSTRUMENTS,
            f"'i-'||n,'card-'||n,'1','metal','FCA','Minsk','EUR','x','[]','export','1','0.01',1,NULL,NULL,1,n,{AT},n",
        ),
        (
            "sessions",
            SESSIONS,
            f"'s-'||n,'metal','export',1,1,0,1,iif(n=1,5,9),NULL,NULL,NULL,NULL,NULL,4,n,{AT},n,{AT}",
        ),
        (
            "session_instruments",
            SESSIONS * INSTRUMENTS,
            f"'s-'||((n-1)/{INSTRUMENTS}+1),'i-'||((n-1)%{INSTRUMENTS}+1),{AT},n%{INSTRUMENTS},1000,NULL,NULL,NULL,NULL,"
            "1,10,10,5,5,5,5,15,150,'150000',1000,1000,1049,1020,NULL,NULL,NULL,0",
        ),
        (
            "orders",
            deals,
            f"n,{SESSION},{INSTRUMENT},n%3%2+1,{BUYER},{BUY_CLIENT},'t-'||(n*7%{PARTICIPANTS}+1),{order_terms},{order_end}",
        ),
        (
            "order_events",
            deals,
            f"n,n,0,{AT},2,{BUYER},2,'t-1',1000+n%50,10,10,NULL,NULL,NULL,0,NULL,NULL,NULL",
        ),
        (
            "deals",
            deals,
            f"n,{SESSION},{INSTRUMENT},n,1000+n%50,10,10000+n%50*10,1,n,1,{AT},"
            f"n,{BUYER},{BUY_CLIENT},'t-1',n,{SELLER},NULL,'t-2'",
        ),
        (
            "contracts",
            deals,
            f"n,iif(n%1000=0,2,3),{SESSION},{INSTRUMENT},1000+n%50,10,{BUYER},{BUY_CLIENT},{SELLER},NULL,NULL,n,{AT},n,{AT},n",
        ),
        ("accounts", participants, f"'p-'||n,'','EUR',1000000,0,0,0,n,{AT}"),
        (
            "statement",
            deals,
            f"{BUYER},'','EUR',n,{AT},'deal_made',n,1,n,1,NULL,1000000,0,0,0,-10,10,0,0",
        ),
        ("credits", participants, f"n,{AT},'p-'||n,NULL,'EUR',1000000,0,n"),
        ("withdrawals", participants, f"'w-'||n,'p-'||n,NULL,'EUR',1000,n%5+1,n,{AT},n,{AT},n"),
        (
            "bars",
            50_000,
            "'s-1','i-1','2026-03-02T' || printf('%05d', n),1000,1049,1000,1020,10,'10000',1",
        ),
    ]


def make_views(file: Path, participants: int = PARTICIPANTS, deals: int = DEALS) -> Path:
    """Write them; a few tens of seconds."""
    projector = Projector.create(file, "invented", indexes=False)
    connection = dbapi2.connect(str(file), isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("BEGIN")
    for table, count, values in _statements(participants, deals):
        connection.execute(f"{_numbers(count)} INSERT INTO {table} SELECT {values} FROM numbers")
    connection.execute("UPDATE checkpoint SET number = ?", (deals,))
    connection.execute("COMMIT")
    connection.close()
    projector.make_indexes()
    projector.close()
    return file
