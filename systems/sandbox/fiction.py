"""Invented companies and people: the same for the same seed, quick in large numbers."""

from typing import Any

from faker import Faker

_POOL = 400
"""So many streets, cities and names are drawn once and then combined: drawing each afresh is slow."""

_COUNTRIES = {"de_DE": "DE", "en_GB": "GB", "no_NO": "NO", "nl_NL": "NL"}


class Fiction:
    """A stream of invented rows, in the columns of Business Central."""

    def __init__(self, random_seed: int) -> None:
        fakers = {country: Faker(locale) for locale, country in _COUNTRIES.items()}
        for faker in fakers.values():
            faker.seed_instance(random_seed)
        self.random = next(iter(fakers.values())).random
        share = _POOL // len(fakers)
        self._places = [
            {
                "addressLine1": faker.street_address().replace("\n", " ")[:100],
                "city": faker.city()[:30],
                "postalCode": faker.postcode()[:20].upper(),
                "country": country,
            }
            for country, faker in fakers.items()
            for _ in range(share)
        ]
        self._firms = [faker.company()[:80] for faker in fakers.values() for _ in range(share)]
        self._first_names = [faker.first_name()[:30] for faker in fakers.values() for _ in range(share)]
        self._last_names = [faker.last_name()[:30] for faker in fakers.values() for _ in range(share)]
        self._companies = 0

    def company(self) -> dict[str, Any]:
        """A company; names and addresses are unique."""
        self._companies += 1
        number = self._companies
        firm = self.random.choice(self._firms)
        name = firm if number <= _POOL // 4 else f"{firm} {self.random.choice(self._last_names)}"
        host = f"firm{number:06}.example"
        return {
            "displayName": name[:100],
            **self.random.choice(self._places),
            "phoneNumber": f"+49 30 55{number:06}",
            "email": f"office@{host}",
            "website": f"https://www.{host}",
        }

    def person(self, host: str) -> tuple[str, str, str]:
        """First name, last name and e-mail address of somebody at ``host``."""
        first, last = self.random.choice(self._first_names), self.random.choice(self._last_names)
        self._companies += 1
        return first, last, f"person{self._companies:06}@{host}"
