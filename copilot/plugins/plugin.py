"""A plugin: what one folder, archive, manifest or address brings, whatever form it came in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from copilot.plugins.skill import Problem, Skill
from copilot.settings import PluginSettings
from copilot.trust.labels import Confidentiality

if TYPE_CHECKING:
    from copilot.plugins.credentials import Secrets
    from copilot.plugins.mcp.config import Server
    from copilot.plugins.persona import Persona


@dataclass(frozen=True)
class Plugin:
    """What one plugin brings: nothing of it has run, no server is started, nobody was asked anything.

    `form` is what it was written as ("agent-plugins 1.0.0", "declarative-agent v1.6", "openapi 3.1"), `root` the folder
    that all its files lie in.
    """

    name: str
    form: str
    root: Path
    version: str = ""
    description: str = ""
    skills: tuple[Skill, ...] = ()
    servers: tuple[Server, ...] = ()
    personas: tuple[Persona, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def references(self) -> tuple[str, ...]:
        """The names under `[plugins.auth]` whose credentials it asks for, its agents' tools and servers included."""
        skills = [*self.skills, *(skill for each in self.personas for skill in each.all_skills)]
        servers = [*self.servers, *(server for each in self.personas for server in each.all_servers)]
        services = (tool.service for skill in skills for tool in skill.tools if tool.service)
        asked = [name for service in services for name in service.references]
        asked += [str(name) for server in servers if (name := server.auth.get("reference"))]
        return tuple(dict.fromkeys(asked))


@dataclass(frozen=True)
class Reading:
    """What a reader is given besides the place: how strict it is, and what the person has set.

    `home` is the state folder, for what is worth keeping between starts; `secrets` finds credentials by the references
    in manifests; `env` are the variables that a configuration may name.
    """

    home: Path
    strict: bool = False
    settings: PluginSettings = field(default_factory=PluginSettings)
    secrets: Secrets | None = None
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    labels: Mapping[str, str] = field(default_factory=dict)  # sensitivity label GUID -> confidentiality (trust.labels)

    def clearance(self, service: str) -> Confidentiality:
        """Return the most confidential data that the person lets a service be asked with; by default public."""
        return Confidentiality.parse(self.settings.clearance(service))
