"""The thinking: from an event to a write that happened once, and the ledger that remembers it.

The way of one change: ``intake`` → ``scheduler`` → ``reading`` → ``gate`` → ``decision`` → ``writing`` → ``recording``,
run batch by batch by ``synchronizer``.
"""
