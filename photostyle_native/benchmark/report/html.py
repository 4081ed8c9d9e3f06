"""One self-contained HTML file: the machine, the plots, every number, and what was not measured."""

from __future__ import annotations

import base64
from html import escape
from typing import Any

from .terminal import COLUMNS, device_line, remarks_of, rows_of, summary_of, warnings_of

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: #1e293b; }
h1 { font-size: 1.6rem; }
h2 { font-size: 1.2rem; margin-top: 2.5rem; }
h3 { font-size: 1rem; margin: 1.6rem 0 .3rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
td, th { padding: .15rem .8rem; text-align: right; }
td:first-child, th:first-child { text-align: left; padding-left: 0; }
th { border-bottom: 1px solid #cbd5e1; }
tr.ours { font-weight: 600; color: #c2410c; }
tr.missing { color: #94a3b8; }
img { max-width: 100%; }
.note { color: #475569; }
"""
_HOW = """Every way of doing a job was checked against the others, then timed in turns with them on the same data, the
whole list {passes} times, in other memory. Median over all samples; spread is the quartile range; "to ours" the way's
time over ours. "Copy": bytes that the job cannot avoid, per second, as a share of this machine's copy bandwidth;
"matrix": its operations as a share of a float32 matrix product's rate. Both were measured in the same run. A
row with ? has a share above 100% or a spread above 50%, so it was disturbed: it is in no plot and no summary."""


def render(result: dict[str, Any], plots: dict[str, tuple[str, bytes]]) -> str:
    """Make the page. `plots` is what `plots.all_plots` returns, or empty."""
    machine = result["machine"]
    parts = [
        f"<h1>photostyle bench: {escape(machine['processor'])}</h1>",
        f"<p>photostyle_native {escape(machine['photostyle_native'])} ({escape(machine['commit'])}), "
        f"{escape(machine['date'])}, Python {escape(machine['python'])}, {_versions(machine['versions'])}</p>",
        *(f"<p>{escape(device_line(result, device))}</p>" for device in result["ceilings"]),
        f"<p class=note>{_HOW.format(passes=result['settings']['passes'])}</p>",
    ]
    if result["ended"]:
        parts.append(f"<p><strong>Not complete: {escape(result['ended'])}</strong></p>")
    parts += [f"<p><strong>{escape(sentence)}</strong></p>" for sentence in warnings_of(result)]
    if lines := summary_of(result):
        items = "".join(f"<li>{escape(line)}</li>" for line in lines)
        parts.append(f"<h2>Fastest peer's time over ours, at the largest size</h2><ul>{items}</ul>")
    for title, png in plots.values():
        data = base64.b64encode(png).decode()
        parts.append(f'<p><img alt="{escape(title)}" src="data:image/png;base64,{data}">')
    parts.append("<h2>Every number</h2>")
    parts += [_case(case) for case in result["cases"]]
    if result["failures"]:
        items = "".join(f"<li>{escape(name)}: {escape(why)}</li>" for name, why in result["failures"].items())
        parts.append(f"<h2>Not timed</h2><ul>{items}</ul>")
    head = f"<meta charset=utf-8><title>photostyle bench</title><style>{_STYLE}</style>"
    return f"<!doctype html><html lang=en><head>{head}</head><body>\n" + "\n".join(parts) + "\n</body></html>\n"


def _versions(versions: dict[str, str | None]) -> str:
    return ", ".join(f"{escape(name)} {escape(version or 'not installed')}" for name, version in versions.items())


def _case(case: dict[str, Any]) -> str:
    rows = []
    for name, *cells in rows_of(case):
        if not cells[0]:
            rows.append(f"<tr class=missing><td>{escape(name)}<td colspan=5>{escape(cells[-1])}</tr>")
            continue
        kind = " class=ours" if name in ("ours", "ours ?") else ""
        rows.append(f"<tr{kind}><td>{escape(name)}" + "".join(f"<td>{escape(cell)}" for cell in cells) + "</tr>")
    header = "".join(f"<th>{column}" for column in COLUMNS)
    title = f"{case['title']}: {case['label']}, {case['device']}"
    remarks = "".join(f"<p class=note>{escape(remark)}</p>" for remark in remarks_of(case))
    return f"<h3>{escape(title)}</h3><table><tr>{header}</tr>{''.join(rows)}</table>{remarks}"
