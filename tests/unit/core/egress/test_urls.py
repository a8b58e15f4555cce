"""The URL parser: what comes out canonical, and every trick that must not come out at all."""

import pytest

from core.egress.urls import MAX_URL, Refusal, RefusalCode, Url, parse_url


def parsed(text: str) -> Url:
    url = parse_url(text)
    assert isinstance(url, Url), url
    return url


def refused(text: str) -> RefusalCode:
    refusal = parse_url(text)
    assert isinstance(refusal, Refusal), refusal
    return refusal.code


def test_a_url_is_taken_apart() -> None:
    assert parsed("https://api.example.com:8443/a/b?c=d&e") == Url(
        scheme="https",
        host="api.example.com",
        port=8443,
        authority="api.example.com:8443",
        target="/a/b?c=d&e",
        literal=False,
    )


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("http://example.com", "http://example.com/"),
        ("HTTP://EXAMPLE.com/Path", "http://example.com/Path"),
        ("http://example.com./", "http://example.com/"),
        ("http://example.com:80/", "http://example.com/"),
        ("https://example.com:443/", "https://example.com/"),
        ("http://example.com:443/", "http://example.com:443/"),
        ("http://example.com:/", "http://example.com/"),
        ("http://example.com:00080/", "http://example.com/"),
        ("http://example.com?x=1", "http://example.com/?x=1"),
        ("http://example.com/a#fragment", "http://example.com/a"),
        ("http://example.com#fragment", "http://example.com/"),
        ("http://example.com/a?b#c?d", "http://example.com/a?b"),
        ("http://münchen.example/", "http://xn--mnchen-3ya.example/"),
        ("http://faß.example/", "http://xn--fa-hia.example/"),
        ("http://Пример.example/", "http://xn--e1afmkfd.example/"),
        ("http://example。com/", "http://example.com/"),
        ("http://exam\u200bple.com/", "http://example.com/"),
        ("http://ⓔxample.com/", "http://example.com/"),
        ("http://xn--mnchen-3ya.example/", "http://xn--mnchen-3ya.example/"),
        ("http://my_service:8080/", "http://my_service:8080/"),
        ("http://localhost:8080/", "http://localhost:8080/"),
        ("http://3com.example/", "http://3com.example/"),
        ("http://1.2.3.4.example/", "http://1.2.3.4.example/"),
        ("http://93.184.215.14/", "http://93.184.215.14/"),
        ("http://93.184.215.14./", "http://93.184.215.14/"),
        ("http://[2606:4700:0:0::1111]:8080/", "http://[2606:4700::1111]:8080/"),
        ("http://[2606:4700::ABCD]/", "http://[2606:4700::abcd]/"),
    ],
)
def test_equal_urls_come_out_the_same(text: str, canonical: str) -> None:
    assert str(parsed(text)) == canonical


def test_what_comes_out_is_parsed_to_the_same_again() -> None:
    url = parsed("HTTPS://MÜNCHEN.example.:8443/ü?q=ü#x")
    assert parse_url(str(url)) == url


def test_visible_ascii_in_path_and_query_is_left_as_it_was_given() -> None:
    given = "/a/../b//%2e%2E/%zz;x=1/\"<>^`{|}\\'()*!$&+,=:@?[]&a=%20"
    assert parsed(f"http://example.com{given}").target == given


def test_text_in_path_and_query_goes_out_as_encoded_utf8() -> None:
    assert parsed("http://example.com/ü%C3?q=€").target == "/%C3%BC%C3?q=%E2%82%AC"


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("http://127.0.0.1/", True),
        ("http://[::1]/", True),
        ("http://localhost/", False),
        ("http://a1/", False),
        ("http://1a/", False),
    ],
)
def test_an_address_is_told_from_a_name(text: str, literal: bool) -> None:
    assert parsed(text).literal is literal


@pytest.mark.parametrize(
    "host",
    [
        "127.1", "127.0.1", "2130706433", "0", "00", "0x7f000001", "0X7F000001", "0x7f.1", "0x7f.0.0.1",
        "0x7f.0x0.0x0.0x1", "017700000001", "0177.0.0.1", "0177.0.0.01", "127.0.0.01", "127.0.0.1.1",
        "127.0.0.256", "127.0.0.0x1", "4294967296", "0xA9FEA9FE", "169.254.43518", "0251.0376.0251.0376",
        "127.0.0.1..", "1.2.3.", "999.999.999.999", "example.0x7f", "example.1", "1.2.3.4.5",
    ],
)  # fmt: skip
def test_an_address_in_a_spelling_of_the_c_library_is_refused(host: str) -> None:
    assert refused(f"http://{host}/") is RefusalCode.HOST


@pytest.mark.parametrize(
    "host",
    [
        "127。0。0。1", "127．0．0．1", "127｡0｡0｡1", "１２７.0.0.1", "①②⑦.⓪.⓪.①", "127.0.0.¹", "𝟭𝟮𝟳.𝟬.𝟬.𝟭",
        "127.0.0.1\u00ad", "127.0.0\u200b.1", "١٢٧.٠.٠.١", "0ｘ7f.1", "[::１]", "[：：1]",
    ],
)  # fmt: skip
def test_an_address_in_unicode_digits_or_dots_is_refused(host: str) -> None:
    assert refused(f"http://{host}/") is RefusalCode.HOST


@pytest.mark.parametrize(
    "host",
    [
        "[::1%lo]", "[::1%25lo]", "[fe80::1%eth0]", "[fe80::1%251]", "[::1", "::1]", "[]", "[127.0.0.1]",
        "[v1.x]", "[::1]]", "[[::1]]", "[::1]x", "[::1].example.com", "[:::1]", "[1:2:3:4:5:6:7:8:9]",
        "[::ffff:127.1]",
    ],
)  # fmt: skip
def test_a_scoped_or_broken_ipv6_literal_is_refused(host: str) -> None:
    assert refused(f"http://{host}/") in {RefusalCode.HOST, RefusalCode.PORT}


@pytest.mark.parametrize(
    "host",
    [
        "", ".", "..", ".example.com", "a..b", "-a.example", "a-.example", "_", "___.example", "a b",
        "exam%70le.com", "127.0.0.1%2f", "%31%32%37.0.0.1", "a\\b", "example.com\\", "a,b", "a'b", "a;b",
        "a|b", "a*b", "a<b", "a^b", "a" * 64, ("a" * 63 + ".") * 4 + "com", "xn--a", "xn--", "℀.example",
        "a／b", "\u0300a", "example.com：80",
    ],
)  # fmt: skip
def test_what_is_no_host_name_is_refused(host: str) -> None:
    code = refused(f"http://{host}/")
    assert code in {RefusalCode.HOST, RefusalCode.CHARACTERS}


@pytest.mark.parametrize(
    "text",
    [
        "http://user@example.com/", "http://user:pass@example.com/", "http://:@example.com/",
        "http://@127.0.0.1/", "http://example.com@127.0.0.1/", "http://127.0.0.1@example.com/",
        "http://example.com\\@127.0.0.1/", "http://a:80@b:80/", "http://example.com:80@127.0.0.1/",
        "http://[::1]@example.com/",
    ],
)  # fmt: skip
def test_credentials_in_a_url_are_refused(text: str) -> None:
    assert refused(text) is RefusalCode.USERINFO


@pytest.mark.parametrize(
    "text",
    [
        "", "example.com", "//example.com/", "/path", "http:example.com", "http:/example.com",
        "http:\\\\example.com", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/",
        "unix:///run/docker.sock", "data:,x", "javascript:alert(1)", "ws://example.com/",
        "wss://example.com/", "http+unix://%2Frun/x", "://example.com", "https//example.com",
        "view-source:http://example.com", "jar:http://example.com!/", "ｈttp://example.com/",
    ],
)  # fmt: skip
def test_another_scheme_or_none_is_refused(text: str) -> None:
    assert refused(text) is RefusalCode.SCHEME


@pytest.mark.parametrize(
    "port",
    ["0", "65536", "99999", "-1", "+80", "8080x", "0x50", "80:80", "８０", "1e2", "123456", "80,81", "80.0"],
)
def test_a_port_out_of_range_or_not_plain_is_refused(port: str) -> None:
    assert refused(f"http://example.com:{port}/") is RefusalCode.PORT
    assert refused(f"http://[2606:4700::1]:{port}/") is RefusalCode.PORT


@pytest.mark.parametrize("port", [25, 465, 587])
def test_a_port_of_mail_servers_is_refused(port: int) -> None:
    assert refused(f"http://example.com:{port}/") is RefusalCode.PORT


@pytest.mark.parametrize(
    "text",
    [
        " http://example.com/", "http://example.com/ ", "http://example.com/a b", "http://exa mple.com/",
        "http://example.com/\r\nX: y", "http://example.com/\n", "http://example.com/\t",
        "ht\ntp://example.com/", "http://example.com\x00.evil.example/", "http://example.com/\x7f",
        "http://example.com/\x85", "http://example.com/\u2028", "http://example.com/\u3000",
        "http://example.com/\ud800",
    ],
)  # fmt: skip
def test_spaces_and_control_characters_are_refused(text: str) -> None:
    assert refused(text) is RefusalCode.CHARACTERS


def test_a_url_may_be_as_long_as_the_limit_and_no_longer() -> None:
    longest = "http://example.com/".ljust(MAX_URL, "a")
    assert len(parsed(longest).target) == MAX_URL - len("http://example.com")
    assert refused(f"{longest}a") is RefusalCode.TOO_LONG


@pytest.mark.parametrize(
    "name",
    [
        "localhost", "a.localhost", "printer.local", "db.internal", "metadata.google.internal",
        "kubernetes.default.svc", "router", "nas.home.arpa", "127.0.0.1.nip.io",
    ],
)  # fmt: skip
def test_a_name_is_never_refused_for_what_it_is_called(name: str) -> None:
    assert parsed(f"http://{name}/").host == name
