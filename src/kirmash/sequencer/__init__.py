"""The only writer: gives commands number and time, asks the deciders, makes the result durable before it is visible."""
