"""What operators write for people and the journal has no command for: notices to everybody, remarks on records.

A file of its own (notices.db), owned by the gateway; nothing of the market rests on it.
"""

from kirmash.bulletin.store import Bulletin, BulletinFailed, Notice, Refusal, Remark, Unfit

__all__ = ["Bulletin", "BulletinFailed", "Notice", "Refusal", "Remark", "Unfit"]
