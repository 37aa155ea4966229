"""Scenarios and what plays them: `kirmash run`, the demo's room, the generators. No rule of the exchange."""
