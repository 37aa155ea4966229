"""`make bench`: python -m benchmarks [question …] [--messages N]; the questions stand below."""

import argparse
import importlib

QUESTIONS = ("market", "journal", "recovery", "projections", "path", "rest", "presenting", "pages")


def main() -> None:
    """Run the questions asked, all without arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("questions", nargs="*", choices=[*QUESTIONS, []], default=[])
    parser.add_argument("--messages", type=int, default=200_000, help="commands of the workload")
    arguments = parser.parse_args()
    for question in arguments.questions or QUESTIONS:
        importlib.import_module(f"benchmarks.{question}").run(arguments.messages)


if __name__ == "__main__":
    main()
