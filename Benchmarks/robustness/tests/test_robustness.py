"""Tests of what judges and counts: python3 -m unittest discover Benchmarks/robustness/tests."""

import io
import struct
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
SUITE = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(SUITE), str(SUITE.parent / "compare")]

from robustness_lib import (
    bars, clips, copies, cost, negatives, peer, pictures, recall, report, stills)
from robustness_lib.edits import EDITS, GROUPS, QUICK, Source
from robustness_lib.recall import Outcome, Setup
from robustness_lib.results import Results

CLIP = Source.shrunk(Path("/clips/a clip.mp4"), 1280, 720, 12.0)


def png(width, height, more=b""):
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height) + more


def alert(path, item):
    return {"type": "alert", "input": path, "known": {"item": item}, "frames_matched": 2,
            "variant": "original", "best_distance": 3}


def examined(path, status="examined", sampled=4, flat=1):
    return {"type": "input", "input": path, "status": status, "frames_sampled": sampled,
            "frames_low_quality": flat}


class Edits(unittest.TestCase):
    def test_floor_is_whole_and_every_edit_gives_arguments(self):
        self.assertEqual(len(bars.FLOOR), 53)
        for edit in EDITS.values():
            self.assertIn(edit.group, GROUPS)
            arguments = [str(part) for part in edit.arguments(CLIP)]
            self.assertEqual(arguments.count(str(CLIP.path)), 1, edit.name)
            self.assertFalse([part for part in arguments if "{" in part], edit.name)
        self.assertLess(set(QUICK), set(EDITS))

    def test_bars_name_edits_of_the_floor(self):
        self.assertLess(set(bars.ALWAYS + bars.MOSTLY), bars.FLOOR)

    def test_longer_side_is_640_and_even(self):
        self.assertEqual((CLIP.width, CLIP.height), (640, 360))
        upright = Source.shrunk(CLIP.path, 480, 720, 1)
        self.assertEqual((upright.width, upright.height), (426, 640))

    def test_recipe_depends_on_content_and_arguments_not_on_place(self):
        one = copies.recipe(["-i", "/a/x.mp4", "-vf", "hflip"], Path("/a/x.mp4"), "content")
        self.assertEqual(one, copies.recipe(["-i", "/b/x.mp4", "-vf", "hflip"], Path("/b/x.mp4"),
                                            "content"))
        self.assertNotEqual(one, copies.recipe(["-i", "/a/x.mp4", "-vf", "vflip"],
                                               Path("/a/x.mp4"), "content"))
        self.assertNotEqual(one, copies.recipe(["-i", "/a/x.mp4", "-vf", "hflip"],
                                               Path("/a/x.mp4"), "other content"))


class Judging(unittest.TestCase):
    def setUp(self):
        self.copies = [copies.Copy("chair-a", "mirror", Path("/w/1.mp4")),
                       copies.Copy("chair-a", "flip", Path("/w/2.mp4")),
                       copies.Copy("door", "mirror", Path("/w/3.mp4"))]

    def judged(self, lines):
        outcome = Outcome(Setup("fast"))
        recall.judge(outcome, self.copies, lines)
        return outcome

    def test_a_version_of_the_clip_counts_and_another_clip_is_a_false_alarm(self):
        outcome = self.judged([alert("/w/1.mp4", "chair-b"), examined("/w/1.mp4"),
                               alert("/w/2.mp4", "door"), examined("/w/2.mp4"),
                               examined("/w/3.mp4", "partial"), {"type": "summary"}])
        self.assertEqual(outcome.found, {("chair-a", "mirror")})
        self.assertEqual(outcome.false_alarms, [("chair-a", "flip", "door")])
        self.assertEqual(outcome.missed, [("chair-a", "flip"), ("door", "mirror")])
        self.assertEqual(list(outcome.unexamined), [("door", "mirror")])
        self.assertEqual(outcome.recall({"mirror"}), (1, 2))

    def test_a_copy_without_a_line_is_missed_and_said(self):
        outcome = self.judged([examined("/w/1.mp4")])
        self.assertEqual(len(outcome.missed), 3)
        self.assertEqual(len(outcome.unexamined), 2)

    def test_families(self):
        self.assertTrue(clips.related("chair-19", "chair-22"))
        self.assertFalse(clips.related("bunny", "chair-22"))

    def test_quick_clips_are_of_different_families(self):
        paths = [Path(f"/c/{name}.mp4") for name in ("bunny", "chair-1", "chair-2", "door", "x")]
        self.assertEqual([path.stem for path in clips.few(paths, 3)], ["bunny", "chair-1", "door"])

    def test_variants_go_with_the_effort_of_their_name(self):
        found = recall.setups(("fast", "standard"), ("none", "standard", "thorough"))
        self.assertEqual(found, [Setup("fast"), Setup("standard"), Setup("standard", "standard")])


class Verdicts(unittest.TestCase):
    def results(self, found, setup=Setup("fast")):
        pairs = [("clip", name) for name in sorted(bars.FLOOR)]
        outcome = Outcome(setup, tried=set(pairs), found=set(pairs[:found]))
        return Results(outcomes=[outcome], edits=sorted(bars.FLOOR), clips=["clip"])

    def test_total_is_met_at_the_bar_and_not_below(self):
        least = next(number for number in range(54) if number >= .65 * 53)
        self.assertEqual(bars.verdicts(self.results(least))[0].result, bars.MET)
        self.assertEqual(bars.verdicts(self.results(least - 1))[0].result, bars.NOT_MET)

    def test_what_is_not_in_the_build_is_neither_met_nor_missed(self):
        results = Results(outcomes=[Outcome(Setup("fast"), why_not="not available in this build")])
        verdict = bars.verdicts(results)[0]
        self.assertFalse(verdict.known)
        self.assertIn("not available", verdict.result)
        self.assertEqual(report.exit_code(results), 2)

    def test_copies_that_could_not_be_made_leave_it_open(self):
        results = self.results(53)
        results.copies.missing["clip", "av1"] = "no encoder"
        self.assertIn("could not be made", bars.verdicts(results)[0].result)

    def test_one_alarm_anywhere_is_enough(self):
        results = self.results(53)
        results.negatives = [negatives.Row("stills", Setup("fast"), alarms=["x named y"])]
        bar = next(v for v in bars.verdicts(results) if "unrelated, fast" in v.bar)
        self.assertEqual(bar.result, bars.NOT_MET)
        results.negatives[0].alarms.clear()
        bar = next(v for v in bars.verdicts(results) if "unrelated, fast" in v.bar)
        self.assertEqual(bar.result, bars.MET)

    def test_no_negatives_is_no_proof(self):
        bar = next(v for v in bars.verdicts(self.results(53)) if "unrelated, fast" in v.bar)
        self.assertFalse(bar.known)

    def test_the_page_names_bars_and_misses(self):
        page = report.page(self.results(52))
        self.assertIn("| 53 edits of the floor, fast | at least 0.65 | 0.981 (52 of 53) | met |",
                      page)
        self.assertIn(f"  - {max(bars.FLOOR)}: clip", page)


    def test_misses_of_all_clips_are_said_in_a_word(self):
        pairs = {(clip, "mirror") for clip in ("a", "b")}
        outcome = Outcome(Setup("fast"), tried=pairs | {("a", "flip")})
        results = Results(outcomes=[outcome], edits=["mirror", "flip"], clips=["a", "b"])
        self.assertIn("  - mirror: all 2 clips\n  - flip: a\n", report.page(results))
        outcome.unexamined["b", "mirror"] = "partial"
        self.assertIn("  - mirror: a, b (not fully examined)\n", report.page(results))


class Counting(unittest.TestCase):
    def test_negative_rows_count_pictures_that_could_have_matched(self):
        row = negatives.Row("stills", Setup("fast"))
        row.add([examined("/a.png"), examined("/w/b.png", "failed", 0, 0), alert("/a.png", "door")])
        self.assertEqual((row.inputs, row.sampled, row.hashed), (2, 4, 3))
        self.assertEqual(row.unexamined, ["w/b.png: failed, "])
        self.assertEqual(len(row.alarms), 1)

    def test_rule_of_three(self):
        self.assertEqual(negatives.bound(0, 3000), "1 in 1,000")
        self.assertEqual(negatives.bound(0, 0), "–")
        self.assertEqual(negatives.bound(2, 3000), "2 in 3,000")

    def test_cost_is_the_median_of_turns(self):
        row = cost.Row("standard", keyframes=10)
        row.fill([1.0, 1.0, 1.0], [1.1, 1.2, 1.6], [1.0, 1.0, 2.0])
        self.assertAlmostEqual(row.share, .2)
        self.assertAlmostEqual(row.added_ms, 20)
        self.assertAlmostEqual(row.most, .3)

    def test_vpdq_share_is_that_of_the_best_video(self):
        near, far = (1 << 31) - 1, (1 << 32) - 1
        self.assertEqual(peer.share([near, far], [{0}]), .5)
        self.assertEqual(peer.share([near, far], [{0}, {1}]), 1.0)
        self.assertEqual(peer.share([], [{0}]), 0)
        self.assertEqual(peer.share([0], []), 0)


class Pictures(unittest.TestCase):
    def test_sizes(self):
        jpeg = (b"\xff\xd8\xff\xe0\x00\x04ab\xff\xff\xc2\x00\x0b\x08"
                + struct.pack(">HH", 480, 640))
        webp = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\x7f\x02\x00" + b"\xdf\x01\x00"
        self.assertEqual(pictures.size(png(640, 480)), (640, 480))
        self.assertEqual(pictures.size(jpeg), (640, 480))
        self.assertEqual(pictures.size(webp), (640, 480))

    def test_what_is_none_or_cut_off(self):
        for data in (b"", b"text", png(1, 1)[:18], b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\xff\xff",
                     b"RIFF\0\0\0\0WEBPVP8 "):
            self.assertIsNone(pictures.size(data), data)

    def test_archive_gives_each_large_picture_once_under_a_plain_name(self):
        with tempfile.TemporaryDirectory() as folder:
            archive, target = Path(folder) / "files.tar", Path(folder) / "out"
            target.mkdir()
            entries = {"./usr/a b.png": png(64, 64), "./usr/again.png": png(64, 64),
                       "./usr/small.png": png(63, 640), "../../up.png": png(640, 640),
                       "./usr/readme.txt": b"text"}
            with tarfile.open(archive, "w") as files:
                for name, data in entries.items():
                    member = tarfile.TarInfo(name)
                    member.size = len(data)
                    files.addfile(member, io.BytesIO(data))
            stills.take_pictures(archive, target)
            self.assertEqual(sorted(path.name for path in target.iterdir()),
                             ["00001-a_b.png", "00002-up.png"])

    def test_draw_is_bounded_and_repeats(self):
        names = [f"{number}.png" for number in range(50)]
        self.assertEqual(stills.draw(names, "x", 50), names)
        self.assertEqual(len(stills.draw(names, "x", 10)), 10)
        self.assertEqual(stills.draw(names, "x", 10), stills.draw(names, "x", 10))


if __name__ == "__main__":
    unittest.main()
