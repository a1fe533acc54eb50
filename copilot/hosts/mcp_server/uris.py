"""The addresses of what is served: documents, and files of skills."""

from __future__ import annotations

from urllib.parse import quote, unquote

DOCUMENTS, SKILLS = "everpilot://workspace/", "skill://"
DOCUMENT_TEMPLATE, SKILL_TEMPLATE = "everpilot://workspace/{+path}", "skill://{name}/SKILL.md"
MAIN = "SKILL.md"


def document_uri(path: str) -> str:
    """Return the address of a document by its path as the workspace shows it."""
    return DOCUMENTS + quote(path, safe="/")


def path_of(uri: str) -> str | None:
    """Return the path of a document's address, None for another address."""
    return unquote(uri.removeprefix(DOCUMENTS)) if uri.startswith(DOCUMENTS) else None


def skill_uri(name: str, file: str = MAIN) -> str:
    """Return the address of a file of a skill."""
    return f"{SKILLS}{quote(name, safe='')}/{quote(file, safe='/:')}"


def skill_of(uri: str) -> tuple[str, str] | None:
    """Return the skill and the file of such an address, None for another one."""
    if not uri.startswith(SKILLS):
        return None
    name, _, file = uri.removeprefix(SKILLS).partition("/")
    return unquote(name), unquote(file)
