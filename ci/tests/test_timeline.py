# SPDX-License-Identifier: BSD-2-Clause
"""Tests of what is made of a trace: spans, costs, Perfetto's JSON, the timeline's file."""

import io
import json
import re
import unittest

import perfetto
import timeline
from costs import Costs
from records import Event
from spans import Span, Spans, lanes
from trace import Filter, Picture


def event(tsc: int, reason: str = "CPUID", level: str = "L1", kind: str = "exit", cpu: int = 0, **changes: object) -> Event:
    return Event(**({"tsc": tsc, "cpu": cpu, "level": level, "kind": kind, "reason": reason, "failed": False, "rip": 0x1000, "qualification": 0}
                    | changes))  # type: ignore[arg-type]


def spans_of(*events: Event) -> list[tuple[str, str, int, int]]:
    spans = Spans()
    found = spans.give(list(events)) + spans.rest()
    return [(span.lane, span.name, span.start, span.ticks) for span in found]


# L2 touches a page: ept finds it missing in EPT12, nestvmx hands the exit to L1, which asks ept by nestvmx to forget something, and enters L2.
STORY = (event(100, "EPT_VIOLATION", "L2", partition="ept", status="done", to="L1", ticks=90),
         event(130, "EPT_VIOLATION", "L2", "message", partition="nestvmx", status="done"),
         event(500, "INVEPT", "L1", partition="nestvmx", status="done", to="L1", ticks=80),
         event(520, "INVEPT", "L1", "message", partition="ept", status="done", ticks=25),
         event(600, "VMRESUME", "L1", partition="nestvmx", status="done", to="L2", ticks=100),
         event(1000, "CPUID", "L2", partition="nestvmx", status="done"))


class SpansTest(unittest.TestCase):
    def test_a_story(self) -> None:
        self.assertEqual(spans_of(*STORY), [
            ("kernel", "L2 EPT_VIOLATION", 100, 90), ("ept", "EPT_VIOLATION", 100, 30), ("nestvmx", "EPT_VIOLATION", 130, 60), ("L1", "L1", 190, 310),
            ("kernel", "L1 INVEPT", 500, 80), ("nestvmx", "INVEPT", 500, 80), ("ept", "INVEPT", 520, 25), ("L1", "L1", 580, 20),
            ("kernel", "L1 VMRESUME", 600, 100), ("nestvmx", "VMRESUME", 600, 100), ("L2", "L2", 700, 300),
            ("kernel", "L2 CPUID", 1000, 0), ("nestvmx", "CPUID", 1000, 0)])

    def test_cpus_are_apart(self) -> None:
        found = spans_of(event(1, to="L1", ticks=2), event(2, cpu=1, to="L2", ticks=2), event(10, cpu=1), event(20))
        self.assertIn(("L1", "L1", 3, 17), found)
        self.assertIn(("L2", "L2", 4, 6), found)

    def test_what_has_no_exit_before_it_is_left_out(self) -> None:
        self.assertEqual(spans_of(event(1, kind="message", partition="ept", status="done"), event(5, to="L1", ticks=1)), [("kernel", "L1 CPUID", 5, 1)])

    def test_a_fault(self) -> None:
        self.assertIn(("ept", "fault: CPUID", 7, 0), spans_of(event(5, to="L1", ticks=9), event(7, kind="fault", partition="ept", status="x")))

    def test_lanes(self) -> None:
        spans = [Span(cpu, lane, "", 0, 0) for cpu in (1, 0) for lane in ("ept", "kernel", "L1", "L2", "nestvmx", "PAL")]
        self.assertEqual([lane for cpu, lane in lanes(spans) if cpu == 0], ["L2", "L1", "PAL", "kernel", "ept", "nestvmx"])
        self.assertEqual([cpu for cpu, _ in lanes(spans)], [0] * 6 + [1] * 6)


class CostsTest(unittest.TestCase):
    def test_costs(self) -> None:
        costs = Costs()
        costs.give([event(i, ticks=ticks, to="L1") for i, ticks in enumerate((1, 3, 3, 8, 100))] + list(STORY))
        first = next(row for row in costs.rows() if row["reason"] == "CPUID")
        self.assertEqual(first, {"level": "L1", "reason": "CPUID", "count": 5, "sum": 115, "median": 3, "p90": 100, "most": 100, "buckets": {0: 1, 1: 2, 3: 1, 6: 1}})
        self.assertEqual([row["sum"] for row in costs.rows()], sorted((row["sum"] for row in costs.rows()), reverse=True))
        self.assertEqual((costs.runs, costs.violations, costs.filled, costs.hit_rate()), (2, 1, 0, 1.0))
        costs.give([event(5, "EPT_VIOLATION", "L2", to="L2", ticks=1), event(6, "HLT", "L2")])
        self.assertEqual((costs.filled, costs.hit_rate()), (1, 0.75))

    def test_without_l2(self) -> None:
        self.assertIsNone(Costs().hit_rate())


class PictureTest(unittest.TestCase):
    def picture(self, form: str, wanted: Filter = Filter(), last: int = 0, more: tuple[Event, ...] = ()) -> str:
        out = io.StringIO()
        picture = Picture(out, wanted, form, last)
        picture.give([*STORY, *more])
        picture.end("a </script> & title", 3)
        return out.getvalue()

    def test_perfetto(self) -> None:
        data = json.loads(self.picture("perfetto"))["traceEvents"]
        names = {(e["pid"], e["tid"]): e["args"]["name"] for e in data if e["name"] == "thread_name"}
        self.assertEqual(list(names.values()), ["L2", "L1", "kernel", "ept", "nestvmx"])
        drawn = [(names[e["pid"], e["tid"]], e["ts"], e["dur"]) for e in data if e["ph"] == "X"]
        self.assertEqual(len(drawn), 13)
        self.assertIn(("nestvmx", 0.13, 0.06), drawn)

    def data(self, page: str) -> dict[str, object]:
        found = re.search(r"const trace = (.*);\n", page)
        assert found
        return dict(json.loads(found[1].replace("<\\/", "</")))

    def test_html(self) -> None:
        page = self.picture("html")
        self.assertEqual(page.count("</script>"), 1)
        self.assertNotRegex(page, r"(?i)(src|href)\s*=|https?://|@import|url\(")
        data = self.data(page)
        self.assertEqual((data["title"], data["lost"], data["left_out"], data["first"]), ("a </script> & title", 3, 0, 100))
        self.assertEqual([lane["lane"] for lane in data["lanes"]], ["L2", "L1", "kernel", "ept", "nestvmx"])  # type: ignore[attr-defined, index]
        self.assertEqual(len(data["spans"]), 13)  # type: ignore[arg-type]

    def test_html_of_the_end(self) -> None:
        data = self.data(self.picture("html", last=4))
        self.assertEqual((len(data["spans"]), data["left_out"]), (4, 9))  # type: ignore[arg-type]

    def test_filters(self) -> None:
        page = self.picture("html", Filter(partitions=frozenset({"ept"})))
        spans = self.data(page)["spans"]
        self.assertEqual({span[3] for span in spans if span[4]}, {"L2 EPT_VIOLATION", "EPT_VIOLATION", "INVEPT"})  # type: ignore[attr-defined, index]
        other = self.picture("html", Filter(cpus=frozenset({1})), more=(event(5, cpu=1, to="L1", ticks=1),))
        self.assertEqual([lane["cpu"] for lane in self.data(other)["lanes"]], [1])  # type: ignore[attr-defined, index]

    def test_nothing(self) -> None:
        out = io.StringIO()
        timeline.write(out, "", [], Costs(), 0)
        self.assertEqual(self.data(out.getvalue())["spans"], [])


if __name__ == "__main__":
    unittest.main()
