"""`python -m docs.generator`: bring every generated block up to date; says which pages changed."""

import sys

from docs.generator import pages


def main() -> None:
    for path in pages.paths():
        before = path.read_text(encoding="utf-8")
        after = pages.filled(before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            sys.stdout.write(f"wrote {path.relative_to(pages.ROOT)}\n")


if __name__ == "__main__":
    main()
