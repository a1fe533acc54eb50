"""What a loaded model can do, asked of its server: the window, tools, pictures, answers that fit a schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

#: How a model calls tools: `native` by its own chat template, `guided` by our instruction and an answer that is held to
#: a schema, `none`: it only talks.
Calls = Literal["native", "guided", "none"]
Fields = dict[str, Any]

_TRIES = 3
_SECONDS = 120.0
_EXPECTED = "everpilot"


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the server says of its model. `window` is tokens; `guide` is the name of a way in `GUIDES`, "" for none."""

    window: int
    calls: Calls
    guide: str = ""
    vision: bool = False
    system_role: bool = True


def _guidance(schema: Fields) -> Fields:
    # Without blanks a model can't dawdle between the tokens; `lenient` skips keywords that can't be enforced.
    strict = {"x-guidance": {"whitespace_flexible": False, "lenient": True}, **schema}
    return {"grammar": f"%llguidance {{}}\nstart: %json {json.dumps(strict)}"}


def _response_format(schema: Fields) -> Fields:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}}


#: Ways to hold an answer to a JSON schema, the better one first. llguidance (docs/llguidance.md of llama.cpp) has been
#: seen to be ignored with tokenizers that put a space before a text; the server's own response_format has been seen to
#: refuse answers that its grammar allows. So each is tried on the model before it is relied on.
GUIDES: dict[str, Callable[[Fields], Fields]] = {"llguidance": _guidance, "response_format": _response_format}


def probe(url: str, key: str) -> Abilities:
    """Return what the model behind `url` can do.

    Raises:
        httpx.HTTPError: its server does not answer.
    """
    import httpx

    headers = {"authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=_SECONDS) as client:
        told = client.get("/props").raise_for_status().json()
        can = told.get("chat_template_caps") or {}
        native = bool(can.get("supports_tools") and can.get("supports_tool_calls"))
        guide = "" if native else next((name for name in GUIDES if _holds(client, name)), "")
        return Abilities(
            window=int(told["default_generation_settings"]["n_ctx"]),
            calls="native" if native else "guided" if guide else "none",
            guide=guide,
            vision=bool((told.get("modalities") or {}).get("vision")),
            system_role=can.get("supports_system_role") is not False,
        )


def _holds(client: Any, guide: str) -> bool:
    """Return whether the model says the one word that a schema leaves it."""
    asked = {"messages": [{"role": "user", "content": "?"}], "max_tokens": 64, **GUIDES[guide]({"enum": [_EXPECTED]})}
    for seed in range(_TRIES):
        answer = client.post("/v1/chat/completions", json={**asked, "seed": seed})
        if answer.status_code != 200:
            continue
        try:
            return bool(json.loads(answer.json()["choices"][0]["message"]["content"]) == _EXPECTED)
        except ValueError:
            return False
    return False
