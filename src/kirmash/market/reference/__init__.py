"""The reference market: the rules of docs/reference/market-rules.md in plain Python, one module a subject.

It is the readable specification and the judge of the native market, so each rule stands here exactly once, under its
id, in the module of its subject:

- state: all that the market knows; encoding: the same as bytes (EN-4), both ways
- step: one command while it is being decided; existence, rights, terms: the stages of admission (PS-3)
- entry, amend, cancel: what a trader may ask; matching, uncrossing: how deals come about (PS-2, PS-4)
- deposit: money (PS-5); bands, phases, sessions: the frame in which orders live (PS-1, PS-10, PS-11)
- follow_ups: what the office has decided; invariants: what holds after every command
- market: the one door

Obvious goes before fast. Nothing here may look at the native market, a clock, chance, a file or a thread.
"""

from kirmash.market.reference.encoding import StateRefused
from kirmash.market.reference.market import ReferenceMarket

__all__ = ["ReferenceMarket", "StateRefused"]
