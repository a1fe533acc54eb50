"""The door to the models: settings and environment in, a router out."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel

from copilot.errors import SettingsError
from copilot.models import health, ledger, plugged, providers
from copilot.models.fitness import barred
from copilot.models.roster import Candidate, Roster
from copilot.models.router import RoutedChatModel
from copilot.settings import Settings, TrustSettings
from copilot.trust.labels import Confidentiality

log = logging.getLogger(__name__)


def routed(
    settings: Settings,
    *,
    state: Path | None,
    env: Mapping[str, str],
    builtin: BaseChatModel | None = None,
    prefer: str = "",
    own: BaseChatModel | None = None,
) -> RoutedChatModel:
    """Return the router over everything that is configured or found. Imports no vendor's client and asks no network.

    `state` is the folder where the health of models is kept (None: in memory), `builtin` the planner that answers last,
    `prefer` the name of a model to ask first, `own` a chat model that the caller made, which comes before all others.

    Raises:
        SettingsError: an unknown provider, no model named `prefer`, or a policy that lets no model be asked at all.
    """
    for note in notes(env):
        log.warning("%s", note)
    roster = Roster(settings, env, builtin, own=own)
    check_policy(roster)
    router = RoutedChatModel(
        roster=roster,
        health=health.of_process(state),
        ledger=ledger.of_process(state if settings.records.usage else None),
        routing=settings.routing,
        default_label=Confidentiality.parse(settings.trust.default_confidentiality),
    )
    return router.preferring(prefer) if prefer else router


def check_policy(roster: Roster) -> None:
    """Raise SettingsError where no configured model may see even data without a label, and no planner is there."""
    trust = roster.settings.trust
    level = Confidentiality.parse(trust.default_confidentiality)
    found = roster.quick()
    reasons = [f"{c.name} {why}" for c in found if (why := barred(c, level, trust))]
    if roster.settings.models and found and len(reasons) == len(found):
        raise SettingsError(
            f"The settings let no model be asked about data without a label: {'; '.join(reasons)}.",
            hint="Mend [trust] or what [[models]] say of max_confidentiality, region and retention_days.",
        )


def notes(env: Mapping[str, str]) -> list[str]:
    """Return what in the environment a person should know about their models."""
    told = [note for name, note in _NOTES.items() if env.get(name, "").lower() not in ("", "0", "false", "no")]
    return [*told, *plugged.refused(providers.all_providers())]


_NOTES = {
    "LANGSMITH_GATEWAY": "LANGSMITH_GATEWAY is set. It redirects LangChain clients through LangSmith; Everpilot names "
    "every address itself and does not follow it.",
    "GOOGLE_GENAI_USE_VERTEXAI": "GOOGLE_GENAI_USE_VERTEXAI is set. Google's client then speaks Vertex AI's protocol, "
    'which the provider "google" is not for: unset it, or use "langchain_google_genai:ChatGoogleGenerativeAI".',
}


def describe(
    settings: Settings, *, state: Path | None, env: Mapping[str, str], builtin: BaseChatModel | None = None
) -> list[dict[str, Any]]:
    """Return one row a model, in the order they are asked, for `everpilot models`. May look for a running Ollama.

    Each row: name, provider, model, endpoint, key ("set (where it comes from)", "missing" or "not needed"), circuit
    ("closed", "open for 12 s: reason", "half open: reason"), max_confidentiality, window (tokens or None), price
    ({input, output} in dollars for a million tokens, or None), region, problem ("" or what must be mended).

    Raises:
        SettingsError: an unknown provider.
    """
    roster = Roster(settings, env, builtin)
    known = health.of_process(state)
    return [_row(candidate, known, settings.trust) for candidate in roster.all()]


def _row(candidate: Candidate, known: health.Health, trust: TrustSettings) -> dict[str, Any]:
    connection, price = candidate.connection, candidate.facts.price
    return {
        "name": candidate.name,
        "provider": candidate.settings.provider,
        "model": candidate.model,
        "endpoint": connection.base_url if connection else candidate.settings.base_url or candidate.provider.base_url,
        "key": _key(candidate),
        "circuit": _circuit(candidate, known),
        "max_confidentiality": candidate.settings.max_confidentiality,
        "window": candidate.facts.window,
        "price": {"input": price.input, "output": price.output} if price else None,
        "region": candidate.settings.region,
        "problem": str(candidate.trouble) if candidate.trouble else barred(candidate, Confidentiality.PUBLIC, trust),
    }


def _key(candidate: Candidate) -> str:
    """Return whether there is a key, and where it comes from; nobody is asked for it."""
    connection, settings = candidate.connection, candidate.settings
    if connection is not None and connection.credential is not None:
        return f"set ({connection.credential.source})"
    if connection is not None and connection.signing:
        return f"set ({', '.join(connection.signing)})"
    wanted = settings.api_key_env or settings.entra or candidate.provider.key == "required"
    return "missing" if wanted else "not needed"


def _circuit(candidate: Candidate, known: health.Health) -> str:
    circuit = known.circuit(candidate.identity)
    if circuit is None:
        return "closed"
    left = known.remaining(candidate.identity)
    return f"open for {left:.0f} s: {circuit.reason}" if left > 0 else f"half open: {circuit.reason}"
