"""Commands: one line for a user's error, exit statuses, renamed options, quiet logs."""

import argparse
import errno
import os
import shlex
import subprocess
import sys

import pytest

from fer2013_tf.utils import cli
from fer2013_tf.utils.errors import UserError
from tests import REPOSITORY

ROOT = REPOSITORY


class TestMainOf:
    """`cli.main_of`, with commands that end in every way."""

    @staticmethod
    def ending(result):
        def run(arguments):
            if isinstance(result, BaseException):
                raise result
            return result

        return cli.main_of(argparse.ArgumentParser(), run, [])

    @pytest.mark.parametrize("result, status", [(None, 0), (0, 0), (143, 143)])
    def test_main_of_returns_the_status(self, result, status):
        assert self.ending(result) == status

    @pytest.mark.parametrize(
        "error, status, said",
        [
            (UserError("what, where"), 2, "error: what, where\n"),
            (UserError("what", ["one", "two"]), 2, "error: what\n  one\n  two\n"),
            (FileNotFoundError(errno.ENOENT, "No file", "a/b"), 2, "error: a/b: No file\n"),
            (OSError(errno.ENOSPC, "Full"), 2, f"error: Full; {cli.REMEDIES[errno.ENOSPC]}\n"),
            (
                OSError(errno.EROFS, "RO", "a"),
                2,
                f"error: a: RO; {cli.REMEDIES[errno.EROFS]}\n",
            ),
            (
                UserError("a\nb\x1b[1m: bad", ["\udcff"]),
                2,
                "error: a\\nb\\x1b[1m: bad\n  \\udcff\n",
            ),
            (KeyboardInterrupt(), 130, "stopped\n"),
        ],
    )
    def test_main_of_prints_a_users_error_as_one_line(self, error, status, said, capsys):
        assert self.ending(error) == status
        assert capsys.readouterr().err == said

    def test_main_of_help_explains_the_statuses(self, capsys):
        with pytest.raises(SystemExit):
            cli.main_of(argparse.ArgumentParser(), None, ["--help"])
        assert "exit status" in capsys.readouterr().out

    def test_main_of_cleans_up_on_sigterm(self, tmp_path):
        code = "import argparse, os, signal, sys; from fer2013_tf.utils import cli\n"
        code += "def run(_):\n  try:\n    os.kill(os.getpid(), signal.SIGTERM)\n"
        code += "    signal.pause()\n  finally:\n    print('cleaned')\n"
        code += "sys.exit(cli.main_of(argparse.ArgumentParser(), run, []))"
        words = [sys.executable, "-c", code]
        ran = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
        assert (ran.returncode, ran.stdout, ran.stderr) == (143, "cleaned\n", "")

    def test_main_of_prints_names_that_are_no_text(self):
        code = "import argparse, sys; from fer2013_tf.utils import cli\n"
        code += "run = lambda _: print(b'\\xff'.decode('utf-8', 'surrogateescape'))\n"
        code += "sys.exit(cli.main_of(argparse.ArgumentParser(), run, []))"
        ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
        assert (ran.returncode, ran.stdout) == (0, "\\udcff\n")

    def test_main_of_ends_when_the_reader_is_gone(self):
        code = "import argparse, sys; from fer2013_tf.utils import cli\n"
        code += "run = lambda _: [print(n, flush=True) for n in range(9999)] and 0\n"
        code += "sys.exit(cli.main_of(argparse.ArgumentParser(), run, []))"
        shell = (
            f"{{ {shlex.quote(sys.executable)} -c {shlex.quote(code)}; echo $? >&2; }} | head -1"
        )
        ran = subprocess.run(["sh", "-c", shell], cwd=ROOT, capture_output=True, text=True)
        assert (ran.stdout, ran.stderr) == ("0\n", "141\n")

    def test_main_of_takes_options_between_names(self):
        parser = argparse.ArgumentParser()
        parser.add_argument("action", nargs="?")
        parser.add_argument("names", nargs="*")
        parser.add_argument("--yes", action="store_true")
        said = []
        cli.main_of(parser, said.append, ["prune", "--yes", "one", "two"])
        assert (said[0].action, said[0].names, said[0].yes) == ("prune", ["one", "two"], True)

    @pytest.mark.parametrize("error", [ValueError("a bug"), OSError("no file named")])
    def test_main_of_keeps_the_traceback_of_bugs(self, error):
        with pytest.raises(type(error), match=str(error)):
            self.ending(error)

    @pytest.mark.parametrize("arguments, heard", [([], False), (["-v"], True)])
    def test_main_of_loads_tensorflow_quietly(self, arguments, heard, tmp_path):
        """With a package of that name that writes past sys.stderr, as TensorFlow's libraries do."""
        (tmp_path / "tensorflow").mkdir()
        (tmp_path / "tensorflow/__init__.py").write_text("import os; os.write(2, b'noise')\n")
        (tmp_path / "main.py").write_text(
            "import argparse, os, sys\nfrom fer2013_tf.utils import cli\n"
            "def run(arguments):\n    import tensorflow\n    os.write(2, b'after')\n"
            "    print(os.environ.get('TF_CPP_MIN_LOG_LEVEL'), tensorflow.__name__)\n"
            "sys.exit(cli.main_of(argparse.ArgumentParser(), run))\n"
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


@pytest.mark.parametrize(
    "words", [["--framing", "eyes", "a.jpg"], ["--framing=eyes"], ["a.jpg", "--framing"]]
)
def test_renamed_option_names_the_new_one(words, capsys):
    parser = argparse.ArgumentParser()
    parser.add_argument("images", nargs="*")
    cli.renamed(parser.add_argument_group("faces"), {"--framing": "--alignment"})
    with pytest.raises(SystemExit) as caught:
        cli.main_of(parser, None, words)
    assert caught.value.code == 2
    assert capsys.readouterr().err == "error: --framing is now --alignment\n"
    assert "framing" not in parser.format_help()


def test_renamed_option_not_given_leaves_nothing():
    parser = argparse.ArgumentParser()
    cli.renamed(parser, {"--colour": "--color"})
    assert vars(parser.parse_args([])) == {}


def test_add_model_options_defaults():
    parser = argparse.ArgumentParser()
    cli.add_model_options(parser)
    chosen = vars(parser.parse_args([]))
    assert chosen == {
        **{"run": None, "ckpt": "ckpt", "ensemble": None},
        **{"tta": "none", "device": None},
    }


@pytest.mark.parametrize("asked, then", [(["--device", "cpu"], "-1"), ([], "7")])
def test_device_is_chosen_before_the_command_runs(monkeypatch, asked, then):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    parser = argparse.ArgumentParser()
    cli.add_device(parser)
    seen = []
    cli.main_of(parser, lambda _: seen.append(os.environ["CUDA_VISIBLE_DEVICES"]), asked)
    assert seen == [then]


@pytest.mark.parametrize("text", ["", "0", "1,", "1,x", "-3", "1.5"])
def test_rows_that_are_no_numbers_are_refused(text, capsys):
    parser = argparse.ArgumentParser()
    cli.add_rows(parser, "none")
    assert parser.parse_args(["--rows", "3, 17"]).rows == [3, 17]
    with pytest.raises(SystemExit):
        parser.parse_args([f"--rows={text}"])
    assert "give numbers from 1, such as 182,3139,3981" in capsys.readouterr().err


def test_add_folders_states_purpose_and_default():
    parser = argparse.ArgumentParser()
    cli.add_folders(parser, "records", logs="events go to DIR/RUN")
    assert vars(parser.parse_args([])) == {"records": "tfrecords", "logs": "logs"}
    text = " ".join(parser.format_help().split())
    assert "; events go to DIR/RUN (default: logs)" in text


def test_counted_and_command_line():
    assert [cli.counted(n, "face") for n in (0, 1, 2)] == ["0 faces", "1 face", "2 faces"]
    line = cli.command_line("make_records", "SOURCE", "--out", "my records")
    assert line == "python -m fer2013_tf.make_records SOURCE --out 'my records'"
    assert shlex.split(line)[-1] == "my records" and cli.command_line("runs").endswith(".runs")
