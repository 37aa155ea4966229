"""The tables of identity.db and the numbered steps by which an older file becomes today's.

Invariants: a step that was published is never edited, only followed by another; the tables described for queries are
what the steps make (a test compares). Times are integers, UTC nanoseconds. No table holds a password, a cookie, a
personal name or a way to reach somebody. Queries stand in the modules of their subject, not here.
"""

from typing import Final

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table

META: Final = MetaData()

meta: Final = Table("meta", META, Column("key", String, primary_key=True), Column("value", String, nullable=False))

logins: Final = Table(
    "logins",
    META,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("role", String, nullable=False),
    Column("participant", String),
    Column("trader", String),
    Column("operator", String),
    Column("language", String, nullable=False),
    Column("person", String),
    Column("blocked", Boolean, nullable=False),
    Column("password", String, nullable=False),
    # Until when a one-time password is good; NULL for one that its owner chose.
    Column("password_until", Integer),
    Column("totp_secret", String),
    # Chosen but not yet shown to work by a first code.
    Column("totp_pending", String),
    # The last step of 30 s whose code was accepted; only later ones are.
    Column("totp_step", Integer, nullable=False),
    Column("created", Integer, nullable=False),
    Index("logins_by_participant", "participant"),
    # A trader is one person: what he signs must not be another's.
    Index("logins_by_trader", "trader", unique=True),
)

sessions: Final = Table(
    "sessions",
    META,
    Column("hash", LargeBinary, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("login", String, ForeignKey("logins.id"), nullable=False),
    Column("created", Integer, nullable=False),
    Column("seen", Integer, nullable=False),
    Index("sessions_by_login", "login"),
)

keys: Final = Table(
    "keys",
    META,
    Column("id", String, primary_key=True),
    Column("login", String, ForeignKey("logins.id"), nullable=False),
    Column("label", String, nullable=False),
    Column("public", LargeBinary, nullable=False),
    Column("scopes", String, nullable=False),
    Column("created", Integer, nullable=False),
    Column("expires", Integer),
    Column("revoked", Integer),
    Index("keys_by_login", "login"),
)

nonces: Final = Table(
    "nonces",
    META,
    Column("key", String, primary_key=True),
    Column("nonce", String, primary_key=True),
    Column("until", Integer, nullable=False),
    Index("nonces_by_until", "until"),
)

switches: Final = Table(
    "switches",
    META,
    Column("kind", String, primary_key=True),
    Column("subject", String, primary_key=True),
    # Who set it: the participant's own administrator or an operator. Each side has a switch of its own.
    Column("side", String, primary_key=True),
    Column("on", Boolean, nullable=False),
    Column("by", String, nullable=False),
    Column("at", Integer, nullable=False),
    Column("reason", String, nullable=False),
)

proposals: Final = Table(
    "proposals",
    META,
    Column("id", String, primary_key=True),
    Column("command", String, nullable=False),
    Column("body", String, nullable=False),
    Column("proposer", String, ForeignKey("logins.id"), nullable=False),
    Column("proposed", Integer, nullable=False),
    Column("expires", Integer, nullable=False),
    Column("reason", String, nullable=False),
    Column("state", String, nullable=False),
    Column("decider", String),
    Column("decided", Integer),
    Column("decision_reason", String),
    # The number that the approved command got in the journal, and whether it was a reject.
    Column("number", Integer),
    Column("rejected", Boolean),
    Index("proposals_by_state", "state"),
)

history: Final = Table(
    "history",
    META,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("at", Integer, nullable=False),
    Column("by", String, nullable=False),
    Column("what", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("detail", String, nullable=False),
    Index("history_by_subject", "subject"),
)

Step = tuple[str, ...]

STEPS: Final[tuple[Step, ...]] = (
    (
        "CREATE TABLE meta (key VARCHAR NOT NULL PRIMARY KEY, value VARCHAR NOT NULL)",
        """CREATE TABLE logins (id VARCHAR NOT NULL PRIMARY KEY, name VARCHAR NOT NULL UNIQUE, role VARCHAR NOT NULL,
        participant VARCHAR, trader VARCHAR, operator VARCHAR, language VARCHAR NOT NULL, person VARCHAR,
        blocked BOOLEAN NOT NULL, password VARCHAR NOT NULL, password_until INTEGER, totp_secret VARCHAR,
        totp_pending VARCHAR, totp_step INTEGER NOT NULL, created INTEGER NOT NULL)""",
        "CREATE INDEX logins_by_participant ON logins (participant)",
        "CREATE UNIQUE INDEX logins_by_trader ON logins (trader)",
        """CREATE TABLE sessions (hash BLOB NOT NULL PRIMARY KEY, id VARCHAR NOT NULL UNIQUE,
        login VARCHAR NOT NULL REFERENCES logins (id), created INTEGER NOT NULL, seen INTEGER NOT NULL)""",
        "CREATE INDEX sessions_by_login ON sessions (login)",
        """CREATE TABLE keys (id VARCHAR NOT NULL PRIMARY KEY, login VARCHAR NOT NULL REFERENCES logins (id),
        label VARCHAR NOT NULL, public BLOB NOT NULL, scopes VARCHAR NOT NULL, created INTEGER NOT NULL,
        expires INTEGER, revoked INTEGER)""",
        "CREATE INDEX keys_by_login ON keys (login)",
        """CREATE TABLE nonces ("key" VARCHAR NOT NULL, nonce VARCHAR NOT NULL, until INTEGER NOT NULL,
        PRIMARY KEY ("key", nonce))""",
        "CREATE INDEX nonces_by_until ON nonces (until)",
        """CREATE TABLE switches (kind VARCHAR NOT NULL, subject VARCHAR NOT NULL, side VARCHAR NOT NULL,
        "on" BOOLEAN NOT NULL, "by" VARCHAR NOT NULL, at INTEGER NOT NULL, reason VARCHAR NOT NULL,
        PRIMARY KEY (kind, subject, side))""",
        """CREATE TABLE proposals (id VARCHAR NOT NULL PRIMARY KEY, command VARCHAR NOT NULL, body VARCHAR NOT NULL,
        proposer VARCHAR NOT NULL REFERENCES logins (id), proposed INTEGER NOT NULL, expires INTEGER NOT NULL,
        reason VARCHAR NOT NULL, state VARCHAR NOT NULL, decider VARCHAR, decided INTEGER, decision_reason VARCHAR,
        number INTEGER, rejected BOOLEAN)""",
        "CREATE INDEX proposals_by_state ON proposals (state)",
        """CREATE TABLE history (number INTEGER NOT NULL PRIMARY KEY, at INTEGER NOT NULL, "by" VARCHAR NOT NULL,
        what VARCHAR NOT NULL, subject VARCHAR NOT NULL, detail VARCHAR NOT NULL)""",
        "CREATE INDEX history_by_subject ON history (subject)",
    ),
)
"""Step n of this tuple leads from version n to n + 1; version 0 is an empty file."""
