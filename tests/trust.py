"""Whom TLS clients trust here: an authority that nobody has a certificate of.

Nobody outside is called, and reading all that the machine trusts takes a client longer than most tests take.
A conftest that imports `trust` has it.
"""

from collections.abc import Iterator

import pytest
import trustme


@pytest.fixture(scope="session", autouse=True)
def trust(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    file = tmp_path_factory.mktemp("trust") / "authority.pem"
    trustme.CA().cert_pem.write_to_path(str(file))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(file))
        yield
