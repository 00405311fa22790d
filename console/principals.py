"""A service principal of the settings as a source of tokens."""

from dataclasses import dataclass

from schemas.errors import Stop
from schemas.settings import Credentials
from systems.credentials import Token, TokenEndpoint, TokenSource


@dataclass(frozen=True, slots=True)
class Principal(TokenSource):
    """See :class:`systems.credentials.TokenSource`. A secret in a file is read anew for every token.

    Attributes:
        name: what the settings call it.
    """

    name: str
    credentials: Credentials
    scope: str

    @property
    def client_id(self) -> str:
        return self.credentials.client_id

    def fetch(self) -> Token:
        return self._source().fetch()

    def _source(self) -> TokenSource:
        given = self.credentials
        try:
            secret = given.secret("client_secret") or ""
        except OSError as error:
            text = (
                f"The secret of client {given.client_id} cannot be read: {given.client_secret_file}: {error.strerror}."
            )
            raise Stop(text, code="credentials") from error
        if given.token_url is not None:
            return TokenEndpoint(given.token_url, given.client_id, secret, self.scope)
        from systems.entra import EntraClientSecret  # takes long to import, and only Entra needs it

        return EntraClientSecret(given.tenant, given.client_id, secret, self.scope)
