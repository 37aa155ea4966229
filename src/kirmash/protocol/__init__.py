"""Text and bytes of the outside world to messages and back. No I/O, no state of the exchange."""
