"""The journal: numbered records made durable, found again, checked, proved, copied (DESIGN: the only truth).

Holds every file of a data folder and all SQL of the journal. It knows records as bytes and hashes; it imports neither
decider, so who replays records hands in what applies them (`verify.Replica`).
"""
