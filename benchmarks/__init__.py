"""Measurements (`make bench`): each module asks one question, prints `name value unit` and `ratio name value`."""
