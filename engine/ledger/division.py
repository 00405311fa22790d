"""How a system's limits are divided among the processes that use it. Pure: who has what follows from who there is."""

from collections import Counter
from collections.abc import Collection, Mapping

from schemas.budget import NOTHING, Allowance


def divide(
    limits: Mapping[str, Allowance], users: Mapping[str, Collection[int]], turn: int
) -> dict[int, dict[str, Allowance]]:
    """The share of each process in each credential that it uses.

    Places go round evenly, over all credentials together. Requests go in equal parts to those who have a place: without
    one they would be lost. Where a credential has fewer places than users, each ``turn`` moves them on by one, so that
    everybody has one in time and few places change hands at once.

    Args:
        limits: by credential.
        users: ids of the processes, by credential.
        turn: grows with time.
    """
    everyone = sorted({user for using in users.values() for user in using})
    if any(len(users[credential]) > limits[credential].at_once for credential in limits):
        first = turn % len(everyone)
        everyone = everyone[first:] + everyone[:first]
    places: Counter[int] = Counter()
    shares: dict[int, dict[str, Allowance]] = {user: {} for user in everyone}
    for credential, limit in sorted(limits.items()):
        using = [user for user in everyone if user in users[credential]]
        if not using:
            continue
        each, rest = divmod(limit.at_once, len(using))
        favoured = set(sorted(using, key=places.__getitem__)[:rest])  # stable: of equals, the first in turn
        seated = len(using) if each else rest
        for user in using:
            count = each + (user in favoured)
            places[user] += count
            shares[user][credential] = Allowance(count, limit.per_window // seated) if count else NOTHING
    return shares
