"""The demo's mappings: those that ship, and what a first full synchronization of grown data needs besides.

Both sides have rows that mean the same company or person and know nothing of each other: they are matched by e-mail
address, which nobody shares here. Business Central wins where matched rows differ, and a deletion is carried over.
"""

from pathlib import Path

from schemas.mapping_file import STANDARD

_MATCHED_BY_EMAIL = ("VENDOR", "CUSTOMER", "CONTACT")
_ADDED = """\
    match: [email] # the demo's own, as are the next two
    update_conflict: business_central
    deletion_conflict: delete
"""


def write_mappings(path: Path) -> None:
    """Write the demo's mapping file."""
    text = STANDARD.read_text(encoding="utf-8")
    for name in _MATCHED_BY_EMAIL:
        head = f"  - name: {name}\n"
        text = text.replace(head, head + _ADDED)
    path.write_text(text, encoding="utf-8")
