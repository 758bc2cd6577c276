"""The command line: ``aigc-assets``.

Commands import what they need when they run, so that ``--help`` answers at once. Exit codes:
0 done, 1 generation or check failed, 2 usage or manifest error, 3 over budget, 4 licence or
policy, 5 optional part missing.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    signal.signal(signal.SIGTERM, _terminate)
    code = run(given)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        # Whoever read us has left; Python must not complain about it on the way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command; every failure becomes one line (or one JSON object) and an exit code."""
    from aigc_assets.cli.application import app
    from aigc_assets.errors import AigcError

    as_json = "--json" in arguments
    weights = os.environ.get("AIGC_ASSETS_WEIGHTS")
    try:
        code = app(args=arguments or ["--help"], prog_name="aigc-assets", standalone_mode=False)
        if code == INTERRUPTED:  # some versions of typer turn Ctrl-C into this code
            raise KeyboardInterrupt
        return code if isinstance(code, int) else 0
    except AigcError as error:
        _report(error.message, error.where, error.remedy, error.exit_code, as_json)
        return error.exit_code
    except KeyboardInterrupt:
        _report("interrupted; what was finished is kept", None, None, INTERRUPTED, as_json)
        return INTERRUPTED
    except BrokenPipeError:
        return 0
    except MemoryError:
        _report("out of memory", None, "ask for less, or use --jobs 1", 1, as_json)
        return 1
    except Exception as error:
        return _other(error, as_json)
    finally:  # `--weights` is of one command
        if weights is None:
            os.environ.pop("AIGC_ASSETS_WEIGHTS", None)
        else:
            os.environ["AIGC_ASSETS_WEIGHTS"] = weights


def _other(error: Exception, as_json: bool) -> int:
    name = type(error).__name__
    if name == "Abort":  # how typer passes on Ctrl-C
        _report("interrupted; what was finished is kept", None, None, INTERRUPTED, as_json)
        return INTERRUPTED
    if name == "Exit":
        return int(getattr(error, "exit_code", 0))
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):  # typer's usage errors
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else "aigc-assets"
        _report(error.format_message(), None, f"see `{command} --help`", 2, as_json)
        return 2
    if "AIGC_ASSETS_DEBUG" in os.environ:
        import traceback

        traceback.print_exc()
    text = f"internal error: {name}: {error}"
    remedy = "please report it; AIGC_ASSETS_DEBUG=1 shows where it happened"
    _report(text, None, remedy, 1, as_json)
    return 1


def _report(message: str, where: str | None, remedy: str | None, code: int, as_json: bool) -> None:
    message = " ".join(message.split())
    try:
        if as_json:
            value = {"error": message, "where": where, "remedy": remedy, "code": code}
            print(json.dumps(value, ensure_ascii=False))
            return
        text = f"{where}: {message}" if where else message
        text = f"{text} ({remedy})" if remedy else text
        print("error: " + text.encode("utf-8", "replace").decode(), file=sys.stderr)
    except (BrokenPipeError, UnicodeEncodeError):
        pass


def _terminate(number: int, frame: FrameType | None) -> None:
    # Leave through `finally` blocks: workers end and temporary files go away.
    sys.exit(128 + number)
