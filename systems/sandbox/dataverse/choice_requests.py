"""Requests to choice columns: their definition, and the actions that change options."""

import re
from collections.abc import Callable
from typing import Any

from systems.sandbox.dataverse.answers import answer, no_content, submitted_object
from systems.sandbox.dataverse.choices import Choices
from systems.sandbox.dataverse.errors import ApiError, bad_payload, method_not_allowed
from systems.sandbox.dataverse.tables import TABLES
from systems.sandbox.exchange import Request, Response

_DEFINITION = re.compile(
    r"EntityDefinitions\(LogicalName='(?P<table>\w+)'\)/Attributes\(LogicalName='(?P<column>\w+)'\)"
    r"/Microsoft\.Dynamics\.CRM\.PicklistAttributeMetadata(?P<option_set>/OptionSet)?"
)
_ENGLISH = 1033


class ChoiceRequests:
    """Serves option metadata; labels are in one language."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices

    def handle(self, request: Request, root_url: str, path: str) -> Response | None:
        """The response; ``None`` where ``path`` leads elsewhere.

        Raises:
            ApiError: a refusal.
        """
        definition = _DEFINITION.fullmatch(path)
        if definition is not None:
            if request.method != "GET":
                raise method_not_allowed(request.method)
            return self._describe(request, root_url, definition)
        actions: dict[str, Callable[[Request], Response]] = {
            "InsertOptionValue": self._insert,
            "UpdateOptionValue": self._update,
            "PublishXml": lambda _: no_content(),
            "PublishAllXml": lambda _: no_content(),
        }
        action = actions.get(path)
        if action is None:
            return None
        if request.method != "POST":
            raise method_not_allowed(request.method)
        return action(request)

    def _describe(self, request: Request, root_url: str, match: re.Match[str]) -> Response:
        table, column = match["table"], match["column"]
        if table not in TABLES:
            raise ApiError(404, "0x80060888", f"Could not find an entity with the name {table}.")
        options = self._choices.options(table, column)
        option_set = {
            "MetadataId": "00000000-0000-0000-0000-000000000000",
            "Name": f"{table}_{column}",
            "IsGlobal": False,
            "OptionSetType": "Picklist",
            "Options": [{"Value": value, "Label": _label(text)} for value, text in options.items()],
        }
        if match["option_set"]:
            return answer({"@odata.context": f"{root_url}/$metadata#Microsoft.Dynamics.CRM.OptionSet", **option_set})
        context = (
            f"{root_url}/$metadata#EntityDefinitions('{table}')/Attributes"
            "/Microsoft.Dynamics.CRM.PicklistAttributeMetadata/$entity"
        )
        document: dict[str, Any] = {"@odata.context": context, "LogicalName": column, "EntityLogicalName": table}
        if request.query.get("$expand", "").startswith("OptionSet"):
            document["OptionSet"] = option_set
        return answer(document)

    def _insert(self, request: Request) -> Response:
        table, column, body = _named(request)
        value = body.get("Value")
        if value is not None and not isinstance(value, int):
            raise bad_payload("'Value' must be a whole number.")
        chosen = self._choices.insert(table, column, value, _text(body))
        return answer({"NewOptionValue": chosen})

    def _update(self, request: Request) -> Response:
        table, column, body = _named(request)
        value = body.get("Value")
        if not isinstance(value, int):
            raise bad_payload("'Value' must be a whole number.")
        if "MergeLabels" not in body:
            raise bad_payload("The parameter 'MergeLabels' is required.")
        self._choices.update(table, column, value, _text(body))
        return no_content()


def _named(request: Request) -> tuple[str, str, dict[str, Any]]:
    body = submitted_object(request)
    table, column = body.get("EntityLogicalName"), body.get("AttributeLogicalName")
    if not isinstance(table, str) or not isinstance(column, str):
        raise bad_payload("'EntityLogicalName' and 'AttributeLogicalName' are required.")
    return table, column, body


def _label(text: str) -> dict[str, Any]:
    label = {"Label": text, "LanguageCode": _ENGLISH, "IsManaged": False}
    return {"LocalizedLabels": [label], "UserLocalizedLabel": label}


def _text(body: dict[str, Any]) -> str:
    labels = (body.get("Label") or {}).get("LocalizedLabels") or []
    if not labels or not isinstance(labels[0].get("Label"), str) or "LanguageCode" not in labels[0]:
        raise bad_payload("'Label' needs a localized label with its language code.")
    return str(labels[0]["Label"])
