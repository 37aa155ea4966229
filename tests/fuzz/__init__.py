"""Hostile streams against both markets (`make fuzz`): generator, comparison, minimiser, report."""
