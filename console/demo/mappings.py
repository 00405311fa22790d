"""The demo's mappings: those that ship, with a policy where they leave the decision to a person.

Both sides have rows that mean the same company or person and know nothing of each other. Business Central wins where
matched rows differ, and a deletion is carried over.
"""

from pathlib import Path

from schemas.mapping_file import STANDARD

_WITH_POLICIES = ("VENDOR", "CUSTOMER", "CONTACT")
_ADDED = """\
    update_conflict: business_central # the demo's own, as is the next
    deletion_conflict: delete
"""


def write_mappings(path: Path) -> None:
    """Write the demo's mapping file."""
    text = STANDARD.read_text(encoding="utf-8")
    for name in _WITH_POLICIES:
        head = f"  - name: {name}\n"
        text = text.replace(head, head + _ADDED)
    path.write_text(text, encoding="utf-8")
