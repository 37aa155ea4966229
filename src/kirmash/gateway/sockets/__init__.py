"""The WebSocket door, in its parts.

- wire: one connection's bytes: handshake, frames, what waits for a slow reader; it knows no message
- reading: from a frame to wishes and commands; table: who may say what
- channels: public channels and private lines with their recent past, each update encoded once for all
- connection: one client: who he is, what he follows; giving: his commands; guard: what is cancelled when he goes
- limits: every number of it

`gateway/ws.py` puts them together.
"""
