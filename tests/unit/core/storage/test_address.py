"""Where files are kept is read from a URL, which no fault quotes."""

from pathlib import Path

import pytest

from core.storage.address import Bucket, Folder, parse


def test_a_folder() -> None:
    assert parse("file:///var/lib/noonmark%20files") == Folder(Path("/var/lib/noonmark files"))


def test_a_bucket() -> None:
    assert parse("s3://our-files") == Bucket("our-files")


def test_a_bucket_of_another_service() -> None:
    assert parse("s3://files/a/b?endpoint=http://127.0.0.1:9000/&region=eu-central-1") == Bucket(
        "files", prefix="a/b", endpoint="http://127.0.0.1:9000", region="eu-central-1"
    )


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/var/files",
        "ftp://host/files",
        "file://host/files",
        "file:///",
        "file:///files/../etc",
        "file:///files?a=b",
        "s3://",
        "s3://Files",
        "s3://a",
        "s3://files/a b",
        "s3://files/../other",
        "s3://files?secret=hunter2",
        "s3://key:hunter2@files",
        "s3://files?endpoint=127.0.0.1:9000",
        "s3://files?endpoint=http://key:hunter2@127.0.0.1",
        "s3://files?region=EU/1",
        "s3://files#part",
    ],
)
def test_anything_else_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse(url)
    assert "hunter2" not in str(caught.value)
