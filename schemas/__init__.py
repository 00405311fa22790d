"""The words that every part of Twinrow speaks: events, rows, mappings, operations, outcomes, errors, settings.

This package imports nothing else of the project, so that any part may import it.
"""
