"""The command that makes records."""

import csv
import io
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from fer2013_tf import make_records
from fer2013_tf.data import making, records, sinks, statistics
from fer2013_tf.data.readers import LabeledImage, synthetic
from fer2013_tf.utils import cli, constants, files
from fer2013_tf.visualization import class_counts
from tests import REPOSITORY
from tests.data.test_readers import written_images

ROOT = REPOSITORY


def csv_row(seed, label=None, split=None, pixels=None):
    if pixels is None:
        pixels = np.random.default_rng(seed).integers(0, 256, 2304).tolist()
    split = split or constants.SPLITS[seed % 3]
    return f"{seed % 7 if label is None else label},{' '.join(map(str, pixels))},{split}"


def write_csv(path, rows):
    path.write_text("\n".join(["emotion,pixels,Usage", *rows]) + "\n")
    return path


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def made(*arguments, status=0):
    """Runs the command; checks its exit status."""
    assert make_records.main([str(argument) for argument in arguments]) == status


@pytest.fixture
def source(tmp_path):
    return write_csv(tmp_path / "fer2013.csv", map(csv_row, range(20)))


@pytest.fixture
def out(tmp_path):
    return tmp_path / "tfrecords"


class TestRecords:
    def test_make_records_writes_what_the_source_holds(self, source, out, capsys):
        made(source, "--out", out, "--shards", 2)
        manifest = records.load_manifest(out)
        assert [records.split_size(manifest, split) for split in constants.SPLITS] == [7, 7, 6]
        assert manifest["source"]["name"] == "fer2013.csv"
        assert manifest["source"]["format"] == "fer2013_csv"
        assert manifest["source"]["sha256"] == files.file_sha256(source)
        assert len(manifest["shards"]["Training"]) == 2
        assert records.RecordSet(out).read("PublicTest").rows.tolist() == [2, 5, 8, 11, 14, 17, 20]
        printed = capsys.readouterr().out
        assert re.search(r"^angry +1 +1 +1 +3$", printed, re.M)
        assert re.search(r"^all +7 +7 +6 +20$", printed, re.M)
        assert f"wrote {out}" in printed

    def test_chart_is_an_image(self, source, out):
        made(source, "--out", out)
        with Image.open(out / making.CHART) as chart:
            assert chart.format == "PNG" and chart.width > 1200

    def test_chart_leaves_out_empty_splits(self, tmp_path):
        counts = {"Training": {"a": 3, "b": 0}, "PublicTest": {"a": 0, "b": 0}}
        class_counts.chart(counts, tmp_path / "chart.png")
        with Image.open(tmp_path / "chart.png") as chart:
            assert chart.width < 800

    def test_make_records_of_the_same_source_has_the_same_bytes(self, source, tmp_path):
        for name in ("a", "b"):
            made(source, "--out", tmp_path / name)
        assert contents(tmp_path / "a") == contents(tmp_path / "b")

    def test_make_records_imports_no_tensorflow(self, source, out, tmp_path):
        code = "import sys; from fer2013_tf import make_records\n"
        code += "status = make_records.main(sys.argv[1:])\n"
        code += "sys.exit(status or 'tensorflow' in sys.modules)"
        ran = subprocess.run(
            [sys.executable, "-c", code, source, "--out", out],
            cwd=ROOT,
            # Matplotlib says so where it cannot write below HOME.
            env={**os.environ, "MPLCONFIGDIR": str(tmp_path)},
            capture_output=True,
        )
        assert (ran.returncode, ran.stderr) == (0, b"")

    def test_make_records_of_its_own_images(self, source, out, tmp_path):
        made(source, "--out", out, "--images", tmp_path / "png")
        made(tmp_path / "png", "--out", tmp_path / "again", "--format", "folder")
        first, again = records.load_manifest(out), records.load_manifest(tmp_path / "again")
        assert first["counts"] == again["counts"] and first["mean"] == again["mean"]


class TestAgain:
    """A second run on an unchanged source does nothing."""

    @pytest.fixture
    def times(self, source, out):
        made(source, "--out", out)

        def read():
            return {path.name: path.stat().st_mtime_ns for path in out.iterdir()}

        return read

    def test_is_made_on_an_unchanged_source(self, source, out, times, capsys):
        before = times()
        capsys.readouterr()
        made(source, "--out", out)
        assert times() == before
        assert re.fullmatch(
            r".*made from this source already.*--force.*\n", capsys.readouterr().out
        )

    @pytest.mark.parametrize("more", [["--force"], ["--shards", "3"], ["--skip-bad"]])
    def test_is_made_not_with_other_options(self, more, source, out, times):
        before = times()
        made(source, "--out", out, *more)
        assert times() != before

    def test_is_made_not_with_a_changed_source(self, source, out, times):
        before = times()
        write_csv(source, map(csv_row, range(19)))
        made(source, "--out", out)
        assert times() != before

    def test_is_made_not_without_a_shard(self, source, out, times):
        next(out.glob("*.tfrecord")).unlink()
        made(source, "--out", out)
        assert records.split_size(records.load_manifest(out), "Training") == 7

    def test_is_made_not_without_the_chart(self, source, out, times, capsys):
        """An earlier run was stopped before its report."""
        (out / making.CHART).unlink()
        capsys.readouterr()
        made(source, "--out", out)
        assert (out / making.CHART).exists() and "distinct" in capsys.readouterr().out

    def test_make_removes_the_chart_of_an_earlier_set(
        self, source, out, times, tmp_path, monkeypatch, capsys
    ):
        another = write_csv(tmp_path / "another.csv", map(csv_row, range(30)))

        def stopped(*_):
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(class_counts, "chart", stopped)
            made(another, "--out", out, status=130)
        assert not (out / making.CHART).exists()
        capsys.readouterr()
        made(another, "--out", out)
        assert (out / making.CHART).exists() and "distinct" in capsys.readouterr().out

    def test_is_made_not_without_the_images(self, source, out, times, tmp_path):
        before = times()
        made(source, "--out", out, "--images", tmp_path / "png")
        between = times()
        made(source, "--out", out, "--images", tmp_path / "png")
        assert before != between == times()
        labels = tmp_path / "png" / sinks.LABEL_LIST
        labels.write_text(labels.read_text() + "Training/none/9.png,0,none,Training,9\n")
        made(source, "--out", out, "--images", tmp_path / "png")
        assert between != times()

    def test_make_records_keeps_what_it_did_not_write_among_the_images(
        self, source, out, tmp_path, capsys
    ):
        png = tmp_path / "png"
        made(source, "--out", out, "--images", png)
        (png / "Training" / "mine.png").write_bytes(b"mine")
        made(source, "--out", out, "--images", png, "--force", status=2)
        assert "Training/mine.png: not made by this command" in capsys.readouterr().err
        (png / "Training" / "mine.png").unlink()
        (png / sinks.LABEL_LIST).write_text("another")
        made(source, "--out", out, "--images", png, "--force", status=2)
        assert "--images" in capsys.readouterr().err and (png / "Training").exists()

    @pytest.mark.parametrize("lose", [os.unlink, lambda path: os.truncate(path, 9)])
    def test_is_made_not_without_one_of_the_images(self, lose, source, out, tmp_path):
        made(source, "--out", out, "--images", tmp_path / "png")
        before = contents(tmp_path / "png")
        lose(sorted((tmp_path / "png").rglob("*.png"))[5])
        made(source, "--out", out, "--images", tmp_path / "png")
        assert contents(tmp_path / "png") == before

    def test_is_made_not_with_classes_in_another_order(self, tmp_path, out, capsys):
        tree = {f"{name}/{n}.png": n for name in ("up", "down") for n in range(3)}
        written_images(tmp_path / "tree", tree)
        for classes in ("up,down", "down,up"):
            made(tmp_path / "tree", "--out", out, "--classes", classes)
            assert records.load_manifest(out)["classes"] == classes.split(",")
        made(tmp_path / "tree", "--out", out, "--classes", "down,up")
        assert "made from this source already" in capsys.readouterr().out

    def test_every_option_is_compared_or_marked(self):
        """A new option is compared of itself; NOT_COMPARED names those that are not."""
        options = cli.completed(make_records.parser()).parse_args([])
        compared = set(make_records.made_with(options))
        assert compared == vars(options).keys() - make_records.NOT_COMPARED
        assert {
            *("source", "format", "ferplus", "images", "max_unpacked"),
            *("out", "force", "verbose", "overwrite"),
        } == make_records.NOT_COMPARED

    @pytest.mark.parametrize(
        "option, value",
        [
            *(("classes", ("a", "b")), ("split_names", {"x": "Training"}), ("size", (9, 9))),
            *(("color", True), ("resplit", "train_val"), ("seed", 1), ("ferplus_classes", 7)),
            *(("shards", 2), ("skip_bad", True), ("an option of tomorrow", 1)),
        ],
    )
    def test_is_made_not_with_another_value_of_an_option(self, option, value, tmp_path):
        source = synthetic.open(counts={"Training": 7})
        options = cli.completed(make_records.parser()).parse_args([])
        made_with = make_records.made_with(options)
        making.make(source, tmp_path, made_with=made_with)
        (tmp_path / making.CHART).touch()
        assert making.is_made(source, tmp_path, made_with=made_with)
        setattr(options, option, value)
        assert not making.is_made(source, tmp_path, made_with=make_records.made_with(options))


class TestBadRows:
    @pytest.fixture
    def bad_csv(self, tmp_path):
        rows = [csv_row(n, label="x" if n % 5 == 3 else None) for n in range(60)]
        return write_csv(tmp_path / "bad.csv", rows)

    def test_make_records_stops_at_bad_rows(self, bad_csv, source, out, capsys):
        made(source, "--out", out)
        before = contents(out)
        capsys.readouterr()
        made(bad_csv, "--out", out, status=2)
        assert contents(out) == before
        first, *further = capsys.readouterr().err.splitlines()
        reason = "bad.csv, row 4: emotion is 'x', expected 0 to 6"
        assert first.startswith(
            f"error: {bad_csv}: 12 of 60 rows cannot be used, the first: {reason}"
        )
        assert "--skip-bad" in first
        assert len(further) == 10 and further[0].startswith(f"  {reason}")

    def test_make_records_with_skip_bad(self, bad_csv, out, capsys):
        made(bad_csv, "--out", out, "--skip-bad")
        manifest = records.load_manifest(out)
        assert sum(records.split_size(manifest, split) for split in constants.SPLITS) == 48
        assert manifest["report"]["bad_rows"] == 12
        assert "12 rows left out, the first of them:\nbad.csv, row 4" in capsys.readouterr().out

    def test_make_records_with_bad_rows_only(self, tmp_path, out, capsys):
        made(write_csv(tmp_path / "a.csv", ["1,2,3"]), "--out", out, "--skip-bad", status=2)
        assert "1 of 1 row cannot be used" in capsys.readouterr().err
        assert [path.name for path in out.iterdir()] == [".lock"]

    def test_make_records_with_bad_rows_leaves_no_images(self, bad_csv, out, tmp_path):
        made(bad_csv, "--out", out, "--images", tmp_path / "png", status=2)
        assert not list((tmp_path / "png").iterdir())


class TestReport:
    def test_report_counts_identical_and_blank_images(self, tmp_path, out, capsys):
        black, gray = [0] * 2304, [7] * 2304
        rows = [
            csv_row(1, 0, "Training"),
            csv_row(1, 0, "Training"),
            csv_row(1, 0, "PublicTest"),
            csv_row(1, 2, "PrivateTest"),
            csv_row(2, 3, "Training"),
            csv_row(2, 4, "Training"),
            csv_row(3, 5, "PublicTest"),
            csv_row(3, 5, "PrivateTest"),
            csv_row(0, 6, "PrivateTest", black),
            csv_row(0, 6, "Training", gray),
        ]
        made(write_csv(tmp_path / "a.csv", rows), "--out", out)
        assert records.load_manifest(out)["report"] == {
            "faces": 10,
            "distinct": 5,
            "in_more_than_one_split": 2,
            "with_different_labels": 2,
            "so_within_one_split": 1,
            "repeated_within": {"Training": 2, "PublicTest": 0, "PrivateTest": 0},
            "constant": 2,
            "black": 1,
            "rows_also_in_training": {"PublicTest": [3], "PrivateTest": [4]},
            "bad_rows": 0,
        }
        printed = capsys.readouterr().out
        assert "5 distinct images among 10" in printed
        assert "1 all black, 1 of one other gray" in printed

    def test_statistics_keep_no_images(self):
        count = statistics.DatasetStatistics()
        for seed in range(500):
            pixels = np.random.default_rng(seed).integers(0, 256, (48, 48)).astype(np.uint8)
            count.add(LabeledImage(pixels, 0, "Training", seed, ""))
        kept = sum(sys.getsizeof(part) for part in vars(count).values())
        assert kept < 500 * 50

    def test_table_fits_its_names(self):
        text = statistics.table({"Training": {"a": 1, "a long name": 20000}})
        assert len({len(line) for line in text.splitlines()}) == 1


class TestImages:
    @pytest.fixture
    def png(self, source, out, tmp_path):
        made(source, "--out", out, "--images", tmp_path / "png")
        return tmp_path / "png"

    def test_image_folder_has_the_images_of_the_records(self, png, out):
        with (png / sinks.LABEL_LIST).open(newline="") as file:
            lines = list(csv.DictReader(file))
        assert len(lines) == 20
        for split in constants.SPLITS:
            images = records.RecordSet(out).read(split)
            listed = [line for line in lines if line["split"] == split]
            for line, pixels, label, row in zip(listed, *images, strict=True):
                name = constants.FER2013[label]
                assert line["path"] == f"{split}/{name}/{row}.png"
                assert (line["label"], line["name"], line["row"]) == (str(label), name, str(row))
                with Image.open(png / line["path"]) as image:
                    np.testing.assert_array_equal(np.asarray(image), pixels)
        assert len(contents(png)) == 21

    def test_image_folder_replaces_an_earlier_runs(self, png, tmp_path, out):
        other = write_csv(tmp_path / "other.csv", [csv_row(n, split="Training") for n in range(3)])
        made(other, "--out", out, "--images", png)
        assert len(contents(png)) == 4

    def test_image_folder_of_an_interrupted_run_is_refused(
        self, png, source, out, monkeypatch, capsys
    ):
        def stop(old, new):
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(os, "replace", stop)
            made(source, "--out", out, "--images", png, "--force", status=130)
        assert not (png / sinks.LABEL_LIST).exists()
        assert records.load_manifest(out)
        # Its first split was on its way out; two still stand there and are of nobody knows whom.
        made(source, "--out", out, "--images", png, status=2)
        assert "not made by this command, or not complete; remove it" in capsys.readouterr().err

    def test_image_folder_keeps_foreign_folders(self, tmp_path, source, out, capsys):
        (tmp_path / "Training").mkdir()
        made(source, "--out", out, "--images", tmp_path, status=2)
        assert (tmp_path / "Training").exists() and "remove it" in capsys.readouterr().err

    def test_image_folder_is_cleared_after_a_crash(self, source, out, tmp_path):
        left_behind = tmp_path / "png" / ".partial-1"
        left_behind.mkdir(parents=True)
        made(source, "--out", out, "--images", tmp_path / "png")
        assert not left_behind.exists()


class TestProgress:
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    def test_with_progress_shows_rate_and_time_left(self, tmp_path, out, monkeypatch):
        source = write_csv(tmp_path / "a.csv", map(csv_row, range(600)))
        terminal = self.Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setenv("TQDM_MININTERVAL", "0")
        monkeypatch.setenv("TQDM_NCOLS", "90")
        made(source, "--out", out)
        assert re.search(r"\d+%.*/\d+ \[\d\d:\d\d<\d\d:\d\d, .* images/s\]", terminal.getvalue())
        assert "600/600" in terminal.getvalue()


class TestArguments:
    @pytest.mark.parametrize("number", ["0", "-1", "1.5", "x", ""])
    def test_parser_takes_a_positive_number_of_shards(self, number, capsys):
        with pytest.raises(SystemExit) as left:
            make_records.main(["--shards", number])
        assert left.value.code == 2
        assert "not a whole number over 0" in capsys.readouterr().err

    def test_help_lists_formats(self, capsys):
        with pytest.raises(SystemExit) as left:
            make_records.main(["--help"])
        printed = capsys.readouterr().out
        assert left.value.code == 0
        assert "fer2013.tar.gz" in printed and "fer2013_csv" in printed

    @pytest.mark.parametrize(
        "arguments, said",
        [
            (["gone.csv"], "error: gone.csv: no such file or folder\n"),
            (["--format", "x"], "error: unknown format 'x'; known are auto, arrays, "),
        ],
    )
    def test_make_records_has_errors_of_one_line(self, arguments, said, out, capsys):
        made(*arguments, "--out", out, status=2)
        error = capsys.readouterr().err
        assert error.startswith(said) and error.count("\n") == 1
        assert not out.exists()

    def test_make_records_with_a_file_as_out(self, source, capsys):
        made(source, "--out", source, status=2)
        assert f"error: --out {source}: is a file; name a folder" in capsys.readouterr().err


def test_manifest_is_plain_json(source, out):
    made(source, "--out", out)
    text = (out / records.MANIFEST).read_text()
    manifest = json.loads(text)
    assert manifest.pop(files.CHECKSUM) and manifest == records.load_manifest(out)
