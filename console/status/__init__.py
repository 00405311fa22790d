"""What ``twinrow status`` shows: gathered from ledger and broker, judged, and laid out on one screen."""
