"""How our mails read."""

from app.mail import letters


def test_the_link_stands_in_both_forms() -> None:
    letter = letters.sign_in(to="a@x.io", link="https://x.io/sign-in#token=abc")
    assert "https://x.io/sign-in#token=abc" in letter.text
    assert 'href="https://x.io/sign-in#token=abc"' in letter.html


def test_what_goes_into_html_is_escaped() -> None:
    letter = letters.sign_in(to="a&'b@x.io", link='https://x.io/"><script>')
    assert "<script>" not in letter.html
    assert "a&amp;&#x27;b@x.io" in letter.html
    assert "a&'b@x.io" in letter.text


def test_a_dollar_sign_in_a_value_is_only_that() -> None:
    assert "$link@x.io" in letters.sign_in(to="$link@x.io", link="https://x.io").text
