"""The shared language: commands, events, rejects, units and their canonical bytes.

Everything above this package speaks in these frozen messages. Nothing here decides, stores or prints;
no I/O, clock or randomness may enter.
"""
