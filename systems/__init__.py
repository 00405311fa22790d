"""The two systems of record behind one interface, and their sandbox."""
