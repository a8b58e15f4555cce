"""One canonical form for an address, and nothing that two mail systems could read differently."""

import pytest

from app.addresses import canonical


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("a@x.io", "a@x.io"),
        ("User@X.io", "user@x.io"),
        ("ADMIN@EXAMPLE.COM", "admin@example.com"),
        ("a+b@x.io", "a+b@x.io"),
        ("a.b@gmail.com", "a.b@gmail.com"),
        ("o'neil@x.io", "o'neil@x.io"),
        ("a@bücher.example", "a@xn--bcher-kva.example"),
        ("a@BÜCHER.example", "a@xn--bcher-kva.example"),
        ("a@xn--bcher-kva.example", "a@xn--bcher-kva.example"),
        ("admin@exаmple.com", "admin@xn--exmple-4nf.com"),
        ("a@ｅxample.com", "a@example.com"),
        ("someone@sub.example.test", "someone@sub.example.test"),
    ],
)
def test_spellings_of_one_address_have_one_form(written: str, form: str) -> None:
    assert canonical(written) == form


def test_the_form_of_a_form_is_itself() -> None:
    form = canonical("User+Tag@BÜCHER.example")
    assert form is not None
    assert canonical(form) == form


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "a",
        "a@",
        "@x.io",
        "a@b",
        "a@localhost",
        "a@x.local",
        "a@x.io.",
        "a@.x.io",
        "a@x..io",
        "a..b@x.io",
        ".a@x.io",
        "a.@x.io",
        "a b@x.io",
        " a@x.io",
        "a@x.io ",
        "a@x.io\n",
        "a@x.io\r\nBcc: evil@x.io",
        "a\r\n@x.io",
        "a@x.io\x00",
        "a\x00@x.io",
        "a@x.io,evil@x.io",
        "a@x.io;evil@x.io",
        "a@x.io evil@x.io",
        "a@b@x.io",
        '"a"@x.io',
        '"a b"@x.io',
        "A <a@x.io>",
        '"a@x.io" <evil@x.io>',
        "<a@x.io>",
        "a(comment)@x.io",
        "a@[127.0.0.1]",
        "a@1.2.3.4",
        "a@x_y.io",
        "a@-x.io",
        "a@x.io\u00a0",
        "a@x.io\u200b",
        "a\u00ad@x.io",
        "ａdmin@x.io",
        "MİKE@x.io",
        "mıke@x.io",
        "\u212aelvin@x.io",
        "\ud800@x.io",
        "a@\ud800.io",
        "mailto:a@x.io",
        "a" * 65 + "@x.io",
        "a@" + "b" * 64 + ".io",
        "a@" + "b." * 126 + "io",
    ],
)
def test_what_is_not_exactly_one_plain_address_is_none(text: str) -> None:
    assert canonical(text) is None
