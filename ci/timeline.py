# SPDX-License-Identifier: BSD-2-Clause
"""A trace as one HTML file that needs nothing else: a timeline with lanes per CPU, what exits of each kind cost, EPT02's hit rate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TextIO

from costs import Costs
from spans import Span, lanes
from trace_text import text

TEMPLATE = Path(__file__).resolve().parent / "timeline.html"
LAST = 60_000  # spans that are shown, if not said otherwise: more make a browser slow


def write(out: TextIO, title: str, spans: list[Span], costs: Costs, lost: int, last: int = LAST) -> None:
    shown = spans[-last:] if last else spans
    first = min((span.start for span in shown), default=0)
    numbers = {lane: i for i, lane in enumerate(lanes(shown))}
    data = {
        "title": title, "first": first, "lost": lost, "left_out": len(spans) - len(shown),
        "lanes": [{"cpu": cpu, "lane": lane} for cpu, lane in numbers],
        "spans": [[numbers[span.cpu, span.lane], span.start - first, span.ticks, span.name, text(span.event).strip() if span.event else ""] for span in shown],
        "costs": costs.rows(), "ept02": {"runs": costs.runs, "violations": costs.violations, "filled": costs.filled, "hit_rate": costs.hit_rate()},
    }
    # In a script element nothing but its end means anything.
    out.write(TEMPLATE.read_text().replace("/*DATA*/null", json.dumps(data, separators=(",", ":")).replace("</", "<\\/")))
