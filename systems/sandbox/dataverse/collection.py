"""Reading a set: filter, order, pages."""

import re
from typing import Any
from urllib.parse import quote, urlencode

from systems.sandbox.dataverse.answers import Preferences
from systems.sandbox.dataverse.columns import Column, Kind
from systems.sandbox.dataverse.errors import bad_request
from systems.sandbox.dataverse.presentation import Presentation, selected
from systems.sandbox.dataverse.rows import Rows
from systems.sandbox.dataverse.tables import TableDefinition
from systems.sandbox.exchange import Request
from systems.sandbox.odata import skiptoken
from systems.sandbox.odata.options import BadOption, QueryOptions, page_size, read_options
from systems.sandbox.odata.predicate import Dialect, FilterNotSupported
from systems.sandbox.odata.selection import Order, Selection
from systems.sandbox.odata.syntax import FilterSyntaxError, Literal

LARGEST_PAGE = 5000
_OPTIONS = frozenset({"$filter", "$orderby", "$select", "$top", "$count", "$skiptoken", "$deltatoken"})
_COOKIE = re.compile(r'<cookie pagenumber="(?P<page>\d+)" pagingcookie="(?P<token>[^"]*)" istracking="False" />')
_NUMBERS = (Kind.INTEGER, Kind.BIGINT, Kind.DECIMAL, Kind.MONEY, Kind.CHOICE)


def options_of(request: Request) -> QueryOptions:
    """The query options of a read.

    Raises:
        ApiError: one is malformed or not supported; ``$skip`` is not.
    """
    try:
        return read_options(request.query, _OPTIONS.__contains__)
    except (BadOption, FilterSyntaxError) as error:
        raise bad_request(str(error)) from error


def size_of(wanted: Preferences) -> int:
    """The rows in a page.

    Raises:
        ApiError: the preferred size is no positive number.
    """
    try:
        return page_size(wanted.given, LARGEST_PAGE)
    except BadOption as error:
        raise bad_request(str(error)) from error


def read(
    rows: Rows, presentation: Presentation, definition: TableDefinition, request: Request, wanted: Preferences
) -> dict[str, Any]:
    """The answer to a GET of a set, without its context.

    Raises:
        ApiError: an option is malformed or refused.
    """
    options = options_of(request)
    size = size_of(wanted)
    try:
        selection = Selection(
            rows.table(definition), dialect(definition), options.filter, _order(definition, options.orderby)
        )
        page, after = (1, None) if options.skiptoken is None else _open_cookie(options.skiptoken)
        limit = size + 1 if options.top is None else min(options.top, LARGEST_PAGE)
        found = selection.rows(after=after, skip=0, limit=limit)
        count = selection.count() if options.count else None
    except (BadOption, FilterNotSupported, skiptoken.BadSkipToken) as error:
        raise bad_request(str(error)) from error
    more = options.top is None and len(found) > size
    shown = found[:size] if options.top is None else found
    answer: dict[str, Any] = {}
    if count is not None:
        limit = rows.quirks.total_count_limit
        answer["@odata.count"] = min(count, limit)
        answer["@Microsoft.Dynamics.CRM.totalrecordcount"] = min(count, limit)
        answer["@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"] = count > limit
    columns = selected(definition, options.select)
    answer["value"] = [presentation.shown(definition, row, columns, wanted.annotations) for row in shown]
    if more:
        token = skiptoken.encode(selection.order.position(found[size - 1]))
        cookie = f'<cookie pagenumber="{page + 1}" pagingcookie="{token}" istracking="False" />'
        answer["@odata.nextLink"] = link(request, {"$skiptoken": cookie})
    return answer


def link(request: Request, changes: dict[str, str]) -> str:
    """The request's own address with other options in its query."""
    query = {name: value for name, value in request.query.items() if name not in ("$skiptoken", "$deltatoken")}
    written = urlencode(query | changes, quote_via=quote, safe="$()',")
    return f"{request.url}?{written}"


def dialect(definition: TableDefinition) -> Dialect:
    """How filters on a table are read: text ignores case, lookups are compared with ids."""

    def column(name: str, literal: Literal | None) -> str:
        found = definition.by_property.get(name)
        if found is None:
            raise FilterNotSupported(
                f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{definition.name}'."
            )
        if literal is not None and literal.value is not None and not _fits(found, literal):
            raise FilterNotSupported(
                "A binary operator with incompatible types was detected. "
                f"The property '{name}' is of type '{found.kind}'."
            )
        return name

    return Dialect(column, ignore_case=True)


def _fits(column: Column, literal: Literal) -> bool:
    value = literal.value
    if column.kind is Kind.BOOLEAN or isinstance(value, bool):
        return column.kind is Kind.BOOLEAN and isinstance(value, bool)
    if column.kind is Kind.STRING:
        return isinstance(value, str) and not literal.guid
    if column.kind in (Kind.GUID, Kind.LOOKUP):
        return isinstance(value, str)
    if column.kind in _NUMBERS:
        return not isinstance(value, str) and hasattr(value, "as_integer_ratio")
    return hasattr(value, "isoformat")


def _order(definition: TableDefinition, orderby: Any) -> Order:
    for name, _ in orderby:
        if name not in definition.by_property:
            raise BadOption(
                f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{definition.name}'."
            )
    columns = tuple(name for name, _ in orderby) or (definition.key,)
    return Order(columns, tuple(descending for _, descending in orderby) or (False,))


def _open_cookie(cookie: str) -> tuple[int, Any]:
    match = _COOKIE.fullmatch(cookie)
    if match is None:
        raise BadOption("Malformed XML in the Paging Cookie.")
    return int(match["page"]), skiptoken.decode(match["token"])
