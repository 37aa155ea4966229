"""The doors: HTTP and WebSocket. They find out who asks, translate, hand in, and show; nothing is decided here."""
