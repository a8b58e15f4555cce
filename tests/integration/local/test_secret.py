"""Development secrets: made once, kept, closed to others."""

import stat
from pathlib import Path

from core.settings import load
from local import secret


def test_they_are_the_same_at_every_start(tmp_path: Path) -> None:
    assert secret.environment(tmp_path / "secrets", {}) == secret.environment(tmp_path / "secrets", {})


def test_two_installations_share_none(tmp_path: Path) -> None:
    one, other = (secret.environment(tmp_path / name, {}) for name in ("one", "other"))
    assert not set(one.values()) & set(other.values())


def test_only_their_owner_can_read_them(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    secret.environment(folder, {})
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert (modes, stat.S_IMODE(folder.stat().st_mode)) == ({0o600}, 0o700)


def test_the_servers_accept_them(tmp_path: Path) -> None:
    made = secret.environment(tmp_path, {})
    settings = load(
        {"DATABASE_URL": "postgresql://", **made}, need=("jwt_secret", "master_keys", "admin_secret")
    )
    assert settings.admin_secret == made["NOONMARK_ADMIN_SECRET"]


def test_one_that_somebody_set_is_not_made(tmp_path: Path) -> None:
    assert "NOONMARK_JWT_SECRET" not in secret.environment(tmp_path, {"NOONMARK_JWT_SECRET": "theirs"})
    assert not (tmp_path / "NOONMARK_JWT_SECRET").exists()


def test_half_a_secret_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "NOONMARK_ADMIN_SECRET.new").write_text("ha")
    assert len(secret.environment(tmp_path, {})["NOONMARK_ADMIN_SECRET"]) == 32
