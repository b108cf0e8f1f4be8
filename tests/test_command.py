"""What all commands share: one line for what a user got wrong, exit statuses, quiet logs."""

import argparse
import errno
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from fer2013_tf import command
from fer2013_tf.errors import UserError

ROOT = Path(__file__).parent.parent


class TestCommand:
    """`command.main_of`, with commands that end in every way."""

    @staticmethod
    def ending(result):
        def run(arguments):
            if isinstance(result, BaseException):
                raise result
            return result

        return command.main_of(argparse.ArgumentParser(), run, [])

    @pytest.mark.parametrize("result, status", [(None, 0), (0, 0), (143, 143)])
    def test_status(self, result, status):
        assert self.ending(result) == status

    @pytest.mark.parametrize(
        "error, status, said",
        [
            (UserError("what, where"), 2, "error: what, where\n"),
            (UserError("what", ["one", "two"]), 2, "error: what\n  one\n  two\n"),
            (FileNotFoundError(errno.ENOENT, "No file", "a/b"), 2, "error: a/b: No file\n"),
            (OSError(errno.ENOSPC, "Full"), 2, f"error: Full; {command.REMEDIES[errno.ENOSPC]}\n"),
            (
                OSError(errno.EROFS, "RO", "a"),
                2,
                f"error: a: RO; {command.REMEDIES[errno.EROFS]}\n",
            ),
            (
                UserError("a\nb\x1b[1m: bad", ["\udcff"]),
                2,
                "error: a\\nb\\x1b[1m: bad\n  \\udcff\n",
            ),
            (KeyboardInterrupt(), 130, "stopped\n"),
        ],
    )
    def test_what_users_cause(self, error, status, said, capsys):
        assert self.ending(error) == status
        assert capsys.readouterr().err == said

    def test_help_says_what_the_statuses_mean(self, capsys):
        with pytest.raises(SystemExit):
            command.main_of(argparse.ArgumentParser(), None, ["--help"])
        assert "exit status" in capsys.readouterr().out

    def test_sigterm_cleans_up(self, tmp_path):
        code = "import argparse, os, signal, sys; from fer2013_tf import command\n"
        code += "def run(_):\n  try:\n    os.kill(os.getpid(), signal.SIGTERM)\n"
        code += "    signal.pause()\n  finally:\n    print('cleaned')\n"
        code += "sys.exit(command.main_of(argparse.ArgumentParser(), run, []))"
        words = [sys.executable, "-c", code]
        ran = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
        assert (ran.returncode, ran.stdout, ran.stderr) == (143, "cleaned\n", "")

    def test_names_that_are_no_text_can_be_printed(self):
        code = "import argparse, sys; from fer2013_tf import command\n"
        code += "run = lambda _: print(b'\\xff'.decode('utf-8', 'surrogateescape'))\n"
        code += "sys.exit(command.main_of(argparse.ArgumentParser(), run, []))"
        ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
        assert (ran.returncode, ran.stdout) == (0, "\\udcff\n")

    def test_a_reader_that_has_gone(self):
        code = "import argparse, sys; from fer2013_tf import command\n"
        code += "run = lambda _: [print(n, flush=True) for n in range(9999)] and 0\n"
        code += "sys.exit(command.main_of(argparse.ArgumentParser(), run, []))"
        shell = (
            f"{{ {shlex.quote(sys.executable)} -c {shlex.quote(code)}; echo $? >&2; }} | head -1"
        )
        ran = subprocess.run(["sh", "-c", shell], cwd=ROOT, capture_output=True, text=True)
        assert (ran.stdout, ran.stderr) == ("0\n", "141\n")

    def test_options_may_stand_between_names(self):
        parser = argparse.ArgumentParser()
        parser.add_argument("action", nargs="?")
        parser.add_argument("names", nargs="*")
        parser.add_argument("--yes", action="store_true")
        said = []
        command.main_of(parser, said.append, ["prune", "--yes", "one", "two"])
        assert (said[0].action, said[0].names, said[0].yes) == ("prune", ["one", "two"], True)

    @pytest.mark.parametrize("error", [ValueError("a bug"), OSError("no file named")])
    def test_bugs_keep_their_traceback(self, error):
        with pytest.raises(type(error), match=str(error)):
            self.ending(error)

    @pytest.mark.parametrize("arguments, heard", [([], False), (["-v"], True)])
    def test_tensorflow_loads_quietly(self, arguments, heard, tmp_path):
        """With a package of that name that writes past sys.stderr, as TensorFlow's libraries do."""
        (tmp_path / "tensorflow").mkdir()
        (tmp_path / "tensorflow/__init__.py").write_text("import os; os.write(2, b'noise')\n")
        (tmp_path / "main.py").write_text(
            "import argparse, os, sys\nfrom fer2013_tf import command\n"
            "def run(arguments):\n    import tensorflow\n    os.write(2, b'after')\n"
            "    print(os.environ.get('TF_CPP_MIN_LOG_LEVEL'), tensorflow.__name__)\n"
            "sys.exit(command.main_of(argparse.ArgumentParser(), run))\n"
        )
        clean = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
        ran = subprocess.run(
            [sys.executable, tmp_path / "main.py", *arguments],
            env={**clean, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
            capture_output=True,
            text=True,
        )
        assert ran.stdout == ("None tensorflow\n" if heard else "3 tensorflow\n")
        assert ran.stderr == ("noiseafter" if heard else "after")
