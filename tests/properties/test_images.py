"""Whatever an image is called, it is read in one way or refused, and allowed only if it is listed."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from core.egress.images import Image, ImagePolicy, parse_image, parse_image_policy

# The grammar that Docker documents, without the upper case that it folds or rejects.
COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
HOST = r"(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(?::[0-9]+)?"
CANONICAL = re.compile(
    rf"{HOST}/{COMPONENT}(?:/{COMPONENT})*(?::[\w][\w.-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?", re.ASCII
)

texts = st.text(alphabet="abz019AZ.:-_/@[]%\\\n \u200bäsh256", max_size=50)
words = st.text(alphabet="abz019", min_size=1, max_size=5)
components = st.builds(
    lambda first, rest: first + "".join(separator + word for separator, word in rest),
    words,
    st.lists(st.tuples(st.sampled_from([".", "_", "__", "-", "---"]), words), max_size=4),
)
references = st.builds(
    lambda host, parts, tail: "/".join([host, *parts]) + tail,
    st.sampled_from(
        ["registry.example", "localhost", "127.0.0.1:5000", "docker.io", "[::1]:5000", "a.b-c.d:80"]
    ),
    st.lists(components, min_size=1, max_size=3),
    st.sampled_from(["", ":1", ":Latest", "@sha256:" + "a" * 64, ":x@sha256:" + "0" * 64]),
)


@given(texts | references)
@example("registry:5000")
@example("docker.io/library/x")
def test_any_text_is_canonical_or_refused(text: str) -> None:
    image = parse_image(text)
    if isinstance(image, Image):
        assert CANONICAL.fullmatch(str(image))
        assert ".." not in str(image)
        assert image.tag or image.digest


@given(texts | references)
def test_a_canonical_reference_is_parsed_to_itself(text: str) -> None:
    image = parse_image(text)
    if isinstance(image, Image):
        assert parse_image(str(image)) == image


@given(references)
def test_what_docker_takes_is_parsed(text: str) -> None:
    assert isinstance(parse_image(text), Image)


@given(texts | references)
def test_no_text_is_allowed_by_an_empty_list(text: str) -> None:
    image = parse_image(text)
    assert not isinstance(image, Image) or ImagePolicy().refuse(image) is not None


@given(
    references,
    st.sampled_from(["registry.example/a/", "docker.io/library/", "127.0.0.1:5000/", "localhost/"]),
)
def test_what_is_allowed_lies_below_what_is_listed(text: str, listed: str) -> None:
    image = parse_image(text)
    assert isinstance(image, Image)
    assert (parse_image_policy(listed).refuse(image) is None) == str(image).startswith(listed)


@given(texts)
def test_any_list_is_read_or_named_as_wrong(text: str) -> None:
    try:
        policy = parse_image_policy(text)
    except ValueError:
        return
    assert all(prefix.endswith("/") for prefix in policy.prefixes)
