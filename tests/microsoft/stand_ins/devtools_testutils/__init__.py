"""Stands in for the package of that name, which Microsoft does not publish: what its Service Bus tests use of it."""

import time
from typing import Self, TypeVar

from azure.core.credentials import AccessToken

T = TypeVar("T")


class AzureMgmtRecordedTestCase:
    """The class that test cases inherit from."""

    @staticmethod
    def await_prepared_test(test: T) -> T:
        """Coroutines are run by the plugin."""
        return test


AzureRecordedTestCase = AzureMgmtRecordedTestCase


class RandomNameResourceGroupPreparer:
    """Resource groups are of no meaning here."""

    def __call__(self, test: object) -> object:
        return test


class _Credential:
    """Microsoft Entra is not asked: the broker believes every token that is no shared access signature."""

    def get_token(self, *_: object, **__: object) -> AccessToken:
        return AccessToken("believed", int(time.time()) + 3600)


class _AsyncCredential(_Credential):
    """The same for asyncio."""

    async def get_token(self, *_: object, **__: object) -> AccessToken:  # type: ignore[override]  # asyncio's twin
        return super().get_token()

    async def close(self) -> None:
        """Nothing is open."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def get_credential(*, is_async: bool = False, **_: object) -> _Credential:
    """Somebody who is let in."""
    return _AsyncCredential() if is_async else _Credential()
