"""Business Central's API v2.0 and Dataverse's Web API v9.2 as servers for tests, demos and first steps.

They refuse what the real ones refuse. Where documentation and observation disagree there is a switch, in the ``Quirks``
of each system.
"""

from systems.sandbox.sandbox import Sandbox, serve
from systems.sandbox.settings import BusinessCentralSettings, DataverseSettings, SandboxSettings

__all__ = ["BusinessCentralSettings", "DataverseSettings", "Sandbox", "SandboxSettings", "serve"]
