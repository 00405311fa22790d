"""TLS for every connection of this process: reading the trusted certificates takes longer than most requests."""

import ssl
from functools import cache

import httpx2


@cache
def tls_context() -> ssl.SSLContext:
    """The context that all clients share; certificates and environment variables as httpx2 finds them."""
    return httpx2.create_ssl_context()
