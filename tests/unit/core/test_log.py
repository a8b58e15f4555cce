"""Structured lines, one by one and many at once."""

import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import structlog

from core import log

Stderr = pytest.CaptureFixture[bytes]


@pytest.fixture(autouse=True)
def configuration() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.contextvars.clear_contextvars()
    structlog.configure(**before)
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)


def said(stderr: Stderr) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stderr.readouterr().err.splitlines()]


def test_a_line_says_when_how_bad_what_where_and_which_process(capsysbinary: Stderr) -> None:
    log.configure("info", process="scheduler")
    log.get("a.module").warning("it_happened", job_id="j")
    [line] = said(capsysbinary)
    at = datetime.fromisoformat(line.pop("at"))
    assert at.utcoffset() == timedelta(0)
    assert list(line.items())[:2] == [("level", "warning"), ("event", "it_happened")]
    rest = {"source": "a.module", "job_id": "j", "process": "scheduler"}
    assert line == {"level": "warning", "event": "it_happened", **rest}


def test_an_exception_is_told_with_its_traceback(capsysbinary: Stderr) -> None:
    log.configure("info", process="scheduler")
    try:
        raise ValueError("no")
    except ValueError:
        log.get("a.module").exception("it_broke")
    [line] = said(capsysbinary)
    assert line["level"] == "error"
    assert "ValueError: no" in line["exception"]


def test_many_lines_are_as_if_they_were_said_one_by_one(capsysbinary: Stderr) -> None:
    log.configure("info", process="scheduler")
    logger = log.get("a.module")
    rows: list[dict[str, Any]] = [{"job_id": uuid4(), "status": None}, {"job_id": uuid4(), "status": 200}]
    for row in rows:
        logger.info("it_happened", **row)
    log.lines(logger, "it_happened", rows)
    lines = [{key: value for key, value in line.items() if key != "at"} for line in said(capsysbinary)]
    assert lines[:2] == lines[2:]


def test_many_lines_are_kept_back_when_only_worse_is_asked_for(capsysbinary: Stderr) -> None:
    log.configure("warning", process="scheduler")
    log.lines(log.get("a.module"), "it_happened", [{"job_id": "j"}])
    assert said(capsysbinary) == []
