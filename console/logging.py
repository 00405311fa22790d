"""What the program says about itself: structlog and the libraries' own logs in one format, on standard error."""

import logging
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import structlog
from pydantic import BaseModel

from schemas import json_codec
from schemas.settings import Log, Settings
from schemas.settings_section import Section

_SHARED: tuple[structlog.typing.Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)
_BEARER = re.compile(r"Bearer [^\s\"',]+")
_HIDDEN = "***"

Level = Literal["debug", "info", "warning", "error"]


def configure_logging(log: Log, secrets: Iterable[str] = (), *, level: Level | None = None) -> None:
    """Log as the settings say, never showing ``secrets``; replaces what was configured before.

    Args:
        level: instead of the settings' own.
    """
    threshold = logging.getLevelNamesMapping()[(level or log.level).upper()]
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one, _StandardError)]:
        root.removeHandler(handler)
    handler = _StandardError(secrets)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(log.format)],
        )
    )
    root.addHandler(handler)
    root.setLevel(max(threshold, logging.WARNING))  # of libraries, only what is wrong
    # Their trouble comes as errors of ours, which say what to do; by themselves they tell of every attempt.
    for library in ("kafka", "azure.servicebus"):
        logging.getLogger(library).setLevel(logging.WARNING if threshold <= logging.DEBUG else logging.CRITICAL)
    logging.getLogger("twinrow").setLevel(threshold)
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=lambda *_: logging.getLogger("twinrow"),
        cache_logger_on_first_use=False,
    )


def secrets_of(settings: Settings) -> frozenset[str]:
    """Every secret of the settings, as it is now.

    Raises:
        OSError: a secret's file is gone.
    """
    return frozenset(_secrets_in(settings))


def redact(text: str, secrets: Iterable[str]) -> str:
    """``text`` without these secrets, as they are or as JSON or Python quote them, and without bearer tokens."""
    for secret in secrets:
        for form in (secret, json_codec.encode(secret).decode()[1:-1], repr(secret)[1:-1]):
            text = text.replace(form, _HIDDEN)
    return _BEARER.sub(f"Bearer {_HIDDEN}", text)


class _StandardError(logging.Handler):
    """Writes to what is standard error now: a progress bar stands in for it while it is shown."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__()
        self._secrets = sorted(secrets, key=len, reverse=True)

    def emit(self, record: logging.LogRecord) -> None:
        """One line a record."""
        try:
            sys.stderr.write(redact(self.format(record), self._secrets) + "\n")
            sys.stderr.flush()
        except Exception:  # noqa: BLE001 - logging's own rule: what cannot be logged must not stop the program
            self.handleError(record)


def _rendering(style: Literal["console", "json"]) -> list[structlog.typing.Processor]:
    if style == "json":
        without_locals = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)  # they may be anybody's data
        return [
            structlog.processors.ExceptionRenderer(without_locals),
            structlog.processors.JSONRenderer(serializer=_as_json),
        ]
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]


def _as_json(document: Any, **_: Any) -> str:
    return json_codec.encode(document).decode()


def _secrets_in(model: BaseModel) -> Iterator[str]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(model, Section) and model.is_secret(name):
            secret = model.secret(name)
            if secret:
                yield secret
        for inner in value.values() if isinstance(value, dict) else [value]:
            if isinstance(inner, BaseModel):
                yield from _secrets_in(inner)
