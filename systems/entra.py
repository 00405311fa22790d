"""Tokens of Microsoft Entra ID by azure-identity; the one place that knows its errors.

A module of its own because azure-identity takes long to import, and few commands need it.
"""

from dataclasses import dataclass, field

from azure.core.exceptions import AzureError, ClientAuthenticationError, ServiceRequestError, ServiceResponseError
from azure.identity import ClientSecretCredential

from schemas.errors import Retry
from systems.credentials import Token, refused


@dataclass(frozen=True, slots=True)
class EntraClientSecret:
    """An app registration of Microsoft Entra ID with a client secret."""

    tenant_id: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str
    authority: str = "https://login.microsoftonline.com"

    def fetch(self) -> Token:
        """See :meth:`TokenSource.fetch`."""
        try:
            with ClientSecretCredential(
                self.tenant_id,
                self.client_id,
                self.client_secret,
                authority=self.authority,
                disable_instance_discovery=True,  # the authority is configured, not discovered
                retry_total=0,
            ) as credential:
                token = credential.get_token(self.scope)
        except AzureError as error:
            if _entra_refused(error):
                raise refused(self.client_id, self.client_secret, self.authority, error.message) from None
            raise Retry(f"No token for client {self.client_id}: {self.authority} cannot be reached.") from error
        except ValueError as error:  # azure-identity checks the shape of tenant and authority
            raise refused(self.client_id, self.client_secret, self.authority, str(error)) from None
        return Token(token.token, token.expires_on)


def _entra_refused(error: AzureError) -> bool:
    """azure-identity raises its authentication error for a lost connection and for a broken server, too."""
    if not isinstance(error, ClientAuthenticationError):
        return False
    status = error.status_code
    if status is not None:
        return status < 500 and status != 429
    return not isinstance(error.__cause__, ServiceRequestError | ServiceResponseError)
