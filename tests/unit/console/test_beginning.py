"""Where the program begins."""

import signal
import subprocess
import sys


def test_an_interruption_while_modules_are_read_shows_no_traceback() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "console", "--help"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        while "| typer" not in (line := process.stderr.readline()).replace("  ", ""):
            assert line, "it read no module"
        process.send_signal(signal.SIGINT)
        said, errors = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "Traceback" not in errors
    assert said == ""


def test_the_program_is_a_module_too() -> None:
    answer = subprocess.run([sys.executable, "-m", "console", "--version"], capture_output=True, text=True, check=True)
    assert answer.stdout.startswith("twinrow ")
