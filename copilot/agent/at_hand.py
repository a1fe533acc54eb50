"""Which skills can do anything here: those that work elsewhere need an account, or the web, that is set up.

A model is not told of the others; `everpilot tools` lists them, and calling one says what is missing.
"""

from __future__ import annotations

from dataclasses import replace

from copilot.plugins.connections import KINDS, WEB, Connections
from copilot.plugins.skill import Skill, Skills
from copilot.settings import Settings


def at_hand(skills: Skills, settings: Settings, connections: Connections) -> Skills:
    """Return the skills that can do anything with these settings, and all problems."""
    return replace(skills, skills=tuple(s for s in skills.skills if _can_work(s, settings, connections)))


def _can_work(skill: Skill, settings: Settings, connections: Connections) -> bool:
    """Whether what the skill is about, the first thing that it names, is served by an account or open to the web."""
    first = skill.accounts[0].partition(":")[0] if skill.accounts else ""
    if first == WEB:
        return bool(settings.web.engine or settings.web.intranet or settings.trust.hosts)
    return all(kind != first or bool(connections.serving(kind)) for kind in KINDS)
