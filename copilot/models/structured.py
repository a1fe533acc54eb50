"""Structured output on whichever model serves: the wish in one form (terms.py), the answer parsed by LangChain."""

from __future__ import annotations

from operator import itemgetter
from typing import Any, Literal, get_args

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_openai_function
from langchain_core.utils.pydantic import is_basemodel_subclass

Method = Literal["function_calling", "json_schema", "json_mode"]
Schema = dict[str, Any] | type


def structured(
    model: BaseChatModel, schema: Schema | None, method: str, *, include_raw: bool, strict: bool | None
) -> Runnable[LanguageModelInput, Any]:
    """Return a runnable that answers with `schema`: an instance of the class; a dict for a dict or TypedDict.

    Raises:
        ValueError: there is no such method, or the method needs a schema and there is none.
    """
    if method not in get_args(Method):
        raise ValueError(f"There is no method {method!r}. There is: {', '.join(get_args(Method))}.")
    if schema is None and method != "json_mode":
        raise ValueError(f'method="{method}" needs a schema; JSON of any shape is method="json_mode".')
    told = {"ls_structured_output_format": {"kwargs": {"method": method}, "schema": schema}} if schema else {}
    if method == "function_calling":
        assert schema is not None
        name = convert_to_openai_function(schema)["name"]
        asked = model.bind_tools([schema], tool_choice=name, parallel_tool_calls=False, strict=strict, **told)
        parser = _of_call(schema, name)
    else:
        asked = model.bind(response_format=response_format(schema, method, strict), **told)
        parser = _of_text(schema)
    return _with_raw(asked, parser) if include_raw else asked | parser


def response_format(schema: Schema | None, method: str, strict: bool | None) -> dict[str, Any]:
    """Return the wish for JSON in OpenAI's form; with the schema also for "json_mode": some vendors need one."""
    kind = "json_object" if method == "json_mode" else "json_schema"
    if schema is None:
        return {"type": kind}
    function = convert_to_openai_function(schema, strict=strict)
    shape = {**{n: v for n, v in function.items() if n != "parameters"}, "schema": function["parameters"]}
    return {"type": kind, "json_schema": shape}


def _of_text(schema: Schema | None) -> Any:
    if isinstance(schema, type) and is_basemodel_subclass(schema):
        return PydanticOutputParser(pydantic_object=schema)
    return JsonOutputParser()


def _of_call(schema: Schema, name: str) -> Any:
    if isinstance(schema, type) and is_basemodel_subclass(schema):
        return PydanticToolsParser(tools=[schema], first_tool_only=True)
    return JsonOutputKeyToolsParser(key_name=name, first_tool_only=True)


def _with_raw(asked: Runnable[LanguageModelInput, Any], parser: Any) -> Runnable[LanguageModelInput, Any]:
    parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
    none = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=asked) | parsed.with_fallbacks([none], exception_key="parsing_error")
