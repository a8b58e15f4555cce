"""`python -m noonmark.command`: jobctl where its script is not installed."""

from noonmark.command.main import main

if __name__ == "__main__":
    main()
