"""The only writer: gives commands their number and time, asks the deciders, and makes the result durable before it is visible."""
