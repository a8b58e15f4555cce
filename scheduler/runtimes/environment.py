"""The variables that every attempt's code gets, whatever runs it.

Pure. The order's own variables come first and ours win, so that code can trust what they say. Each runtime
gives the place of the output folder as it is called inside.
"""

from scheduler.runtimes.runtime import Order

# Linux takes no single string of more than 32 pages in an environment: name, "=", value and the end.
_LARGEST = 128 * 1024
_PARAMS = "NOONMARK_PARAMS"


def variables(order: Order, output_dir: str) -> dict[str, str]:
    """All of an attempt's environment; `output_dir` is where its `out/` lies as seen from inside."""
    ours = {
        "NOONMARK_JOB_ID": str(order.job_id),
        "NOONMARK_ATTEMPT": str(order.attempt),
        "NOONMARK_OUTPUT_DIR": output_dir,
    }
    if len(_PARAMS) + len(order.params) + 2 <= _LARGEST:
        ours[_PARAMS] = order.params.decode()
    given = {name: value for name, value in order.environment.items() if name != _PARAMS}
    return given | ours
