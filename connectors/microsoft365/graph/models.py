"""The base of what is read from Graph and written back: the fields that we know, and all others kept as they came."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from .errors import GraphError

Json = dict[str, Any]


class GraphModel(BaseModel):
    """A resource of Graph; fields that a model does not name are kept for the way back."""

    model_config = ConfigDict(extra="allow", alias_generator=to_camel, populate_by_name=True, frozen=True)

    odata_type: str = Field(default="", alias="@odata.type")
    odata_etag: str = Field(default="", alias="@odata.etag")

    @classmethod
    def of(cls, data: Any, what: str = "the answer") -> Self:
        """Return the resource that `data` describes. Raises GraphError, which names the first field that is wrong."""
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "its form"
            raise GraphError.nonsense(what, f"{place}: {first['msg']}") from None

    def to_json(self) -> Json:
        """Return it as it came, with what was changed since: nothing that was not there is added."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)
