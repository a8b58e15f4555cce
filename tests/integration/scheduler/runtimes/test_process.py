"""A program as an attempt: what it gets, what it says, and how its end is told."""

import os
import stat

import pytest

from core.logs.model import Stream
from scheduler.runtimes.runtime import Ending, Exit
from tests.integration.scheduler.runtimes.attempts import PYTHON, Attempts

_OURS = (
    "DATABASE_URL",
    "NOONMARK_MASTER_KEYS",
    "NOONMARK_ADMIN_SECRET",
    "NOONMARK_JWT_SECRET",
    "RESEND_API_KEY",
)


async def test_what_a_program_prints_and_returns_is_told(attempts: Attempts) -> None:
    ended = await attempts.carry_out(attempts.order("sh", "-c", "echo hi; echo no >&2; exit 3"))
    assert ended == Exit(how=Ending.EXITED, code=3)
    assert attempts.output.kept == {Stream.STDOUT: b"hi\n", Stream.STDERR: b"no\n"}


async def test_a_command_is_no_shell_line(attempts: Attempts) -> None:
    await attempts.carry_out(attempts.order("echo", "$HOME; exit 3", "*"))
    assert attempts.output.text == "$HOME; exit 3 *\n"


async def test_a_signal_is_told_as_shells_tell_it(attempts: Attempts) -> None:
    assert await attempts.carry_out(attempts.order("sh", "-c", "kill -9 $$")) == Exit(
        how=Ending.SIGNALLED, code=137
    )


@pytest.mark.promise(11)
async def test_a_program_gets_nothing_of_our_environment(
    attempts: Attempts, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in _OURS:
        monkeypatch.setenv(name, "canary-7f3a")
    await attempts.carry_out(attempts.order("env", environment={"COLOUR": "red"}, params=b'{"n":1}'))
    assert "canary" not in attempts.output.text
    names = {line.partition("=")[0] for line in attempts.output.text.splitlines()}
    given = {"NOONMARK_JOB_ID", "NOONMARK_ATTEMPT", "NOONMARK_OUTPUT_DIR", "NOONMARK_PARAMS"}
    assert names == given | {"COLOUR", "PATH", "HOME", "TMPDIR"}


@pytest.mark.promise(11)
async def test_what_watches_over_a_program_has_no_environment_of_ours(
    attempts: Attempts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "canary-7f3a")
    look = "cat /proc/$PPID/environ; cat /proc/$(awk '{print $4}' /proc/$PPID/stat)/environ"
    assert (await attempts.carry_out(attempts.order("sh", "-c", look))).code == 0
    assert attempts.output.text == ""


async def test_only_the_three_standard_descriptors_are_open(attempts: Attempts) -> None:
    # The listing itself needs one, which is closed again when it is asked for its target.
    look = (
        "import os; print(*[n for n in os.listdir('/proc/self/fd') if os.path.exists(f'/proc/self/fd/{n}')])"
    )
    inherited = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(inherited, True)
    try:
        await attempts.carry_out(attempts.order(PYTHON, "-c", look))
    finally:
        os.close(inherited)
    assert sorted(attempts.output.text.split()) == ["0", "1", "2"]


async def test_standard_input_is_empty(attempts: Attempts) -> None:
    await attempts.carry_out(attempts.order("wc", "-c"))
    assert attempts.output.text.strip() == "0"


async def test_a_program_is_in_a_session_of_its_own_with_plain_signals(attempts: Attempts) -> None:
    look = (
        "import os, signal as s;"
        "print(os.getsid(0) == os.getpid() == os.getpgid(0), oct(os.umask(0)),"
        " {n.name for n in s.valid_signals() if s.getsignal(n) == s.SIG_IGN} - {'SIGPIPE', 'SIGXFSZ'},"
        " s.pthread_sigmask(s.SIG_BLOCK, ()))"
    )
    await attempts.carry_out(attempts.order(PYTHON, "-c", look))
    assert attempts.output.text == "True 0o22 set() set()\n"


async def test_a_broken_pipe_ends_a_program_as_it_does_in_a_shell(attempts: Attempts) -> None:
    await attempts.carry_out(attempts.order("bash", "-c", "yes | head -1; echo ${PIPESTATUS[0]}"))
    assert attempts.output.text == "y\n141\n"


async def test_it_works_in_its_folder_and_finds_its_params_there(attempts: Attempts) -> None:
    order = attempts.order(
        "sh", "-c", "pwd; cat params.json; echo 1 > $NOONMARK_OUTPUT_DIR/result.json", params=b"[1]"
    )
    await attempts.carry_out(order)
    assert attempts.output.text == f"{order.folder}\n[1]"
    assert (order.folder / "out" / "result.json").read_text() == "1\n"
    assert stat.S_IMODE((order.folder / "params.json").stat().st_mode) == 0o444


async def test_it_works_where_it_is_told_to(attempts: Attempts) -> None:
    await attempts.carry_out(attempts.order("pwd", working_directory="/usr"))
    assert attempts.output.text == "/usr\n"


async def test_a_program_beside_its_params_is_found(attempts: Attempts) -> None:
    order = attempts.order("./hello")
    script = order.folder / "hello"
    script.write_text("#!/bin/sh\necho hello\n")
    script.chmod(0o755)
    await attempts.carry_out(order)
    assert attempts.output.text == "hello\n"


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (("no-such-program",), "There is no program no-such-program, or no interpreter for it."),
        (("/etc/passwd",), "/etc/passwd may not be executed."),
        ((), "There is no command."),
        (("",), "There is no command."),
        (("echo", "\0"), "The command or the environment holds a character that no program can be given."),
        (
            ("echo", "\ud800"),
            "The command or the environment holds a character that no program can be given.",
        ),
        (("echo", *["x" * 100_000] * 40), "The command and the environment are too long."),
    ],
)
async def test_what_cannot_be_started_is_said_in_a_sentence(
    attempts: Attempts, command: tuple[str, ...], sentence: str
) -> None:
    ended = await attempts.carry_out(attempts.order(*command))
    assert ended == Exit(how=Ending.NOT_STARTED, message=sentence)


async def test_a_variable_that_cannot_be_is_refused(attempts: Attempts) -> None:
    ended = await attempts.carry_out(attempts.order("true", environment={"A=B": "1"}))
    assert ended.how is Ending.NOT_STARTED
    assert ended.message == "The environment has a name that no variable can have."


async def test_a_missing_working_directory_is_said_without_a_path_of_the_host(attempts: Attempts) -> None:
    ended = await attempts.carry_out(attempts.order("true", working_directory="nowhere"))
    assert ended.how is Ending.NOT_STARTED
    assert ended.message == "The working directory nowhere cannot be entered: No such file or directory."


async def test_params_too_large_for_an_environment_are_in_the_folder_alone(attempts: Attempts) -> None:
    params = b'"' + b"x" * 200_000 + b'"'
    await attempts.carry_out(
        attempts.order("sh", "-c", "wc -c < params.json; echo ${NOONMARK_PARAMS-none}", params=params)
    )
    assert attempts.output.text.split() == ["200002", "none"]


async def test_params_that_just_fit_are_given(attempts: Attempts) -> None:
    params = b'"' + b"x" * (128 * 1024 - len("NOONMARK_PARAMS=\0") - 2) + b'"'
    ended = await attempts.carry_out(
        attempts.order("sh", "-c", "printenv NOONMARK_PARAMS | wc -c", params=params)
    )
    assert ended.code == 0
    assert attempts.output.text.strip() == str(len(params) + 1)


async def test_a_launcher_that_was_killed_is_replaced(attempts: Attempts) -> None:
    await attempts.carry_out(attempts.order("true"))
    launcher = attempts.runtime._link._launcher
    assert launcher is not None
    launcher.kill()
    await launcher.wait()
    assert await attempts.carry_out(attempts.order("true")) == Exit(how=Ending.EXITED, code=0)
