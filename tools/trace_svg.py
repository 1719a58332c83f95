#!/usr/bin/env python3
"""Draws one trace as an SVG: a row a span, on one scale of time.

usage: tools/trace_svg.py TRACE [-o FILE]
TRACE is the JSON of Zipkin's GET /api/v2/trace/{id}: a file, an http address, or - for standard input.
"""
import argparse, html, json, sys, urllib.request

WIDTH, LABEL, ROW, MARGIN = 960, 300, 26, 16
COLOURS = {"SERVER": "#0b6b8a", "CLIENT": "#b5541c", None: "#5b7f95"}


def read(source):
    if source == "-":
        return json.load(sys.stdin)
    if source.startswith(("http://", "https://")):
        with urllib.request.urlopen(source) as answer:
            return json.load(answer)
    with open(source) as file:
        return json.load(file)


def rows(spans):
    """(depth, span): each parent before its children, children by their start."""
    known = {span["id"] for span in spans}
    children = {}
    for span in spans:
        parent = span.get("parentId")
        children.setdefault(parent if parent in known else None, []).append(span)

    def below(parent, depth):
        for span in sorted(children.get(parent, []), key=lambda one: (one["timestamp"], -one.get("duration", 0))):
            yield depth, span
            yield from below(span["id"], depth + 1)

    return list(below(None, 0))


def milliseconds(microseconds):
    return f"{microseconds / 1000:.2f} ms"


def draw(spans):
    start = min(span["timestamp"] for span in spans)
    length = max(span["timestamp"] + span.get("duration", 1) for span in spans) - start
    lines = rows(spans)
    height = 2 * MARGIN + 40 + ROW * len(lines)
    scale = (WIDTH - LABEL - 2 * MARGIN - 70) / length
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
           ' font-family="system-ui,sans-serif" font-size="13">',
           f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
           f'<text x="{MARGIN}" y="{MARGIN + 12}" fill="#1d2a33" font-weight="600">Trace {spans[0]["traceId"]}: '
           f'{len(lines)} spans, {milliseconds(length)}</text>']
    for part in range(5):
        x = MARGIN + LABEL + scale * length * part / 4
        out.append(f'<line x1="{x:.1f}" y1="{MARGIN + 28}" x2="{x:.1f}" y2="{height - MARGIN}" stroke="#dbe4e8"/>'
                   f'<text x="{x:.1f}" y="{MARGIN + 26}" fill="#5c6b73" font-size="11" text-anchor="middle">{milliseconds(length * part / 4)}</text>')
    for at, (depth, span) in enumerate(lines):
        y = MARGIN + 36 + ROW * at
        x = MARGIN + LABEL + scale * (span["timestamp"] - start)
        width = max(2.0, scale * span.get("duration", 1))
        tags = span.get("tags", {})
        note = ", ".join(f"{name} {tags[name]}" for name in ("http.response.status_code", "stoa.batch.size", "stoa.outcome", "error") if name in tags)
        colour = "#b3261e" if "error" in tags else COLOURS.get(span.get("kind"), COLOURS[None])
        title = "\n".join([span["name"], milliseconds(span.get("duration", 1)), *(f"{name}: {value}" for name, value in tags.items())])
        out.append(f'<g><title>{html.escape(title)}</title><text x="{MARGIN + 16 * depth}" y="{y + 14}" fill="#1d2a33">{html.escape(span["name"])}'
                   + (f'<tspan fill="#5c6b73" font-size="11" dx="6">{html.escape(note)}</tspan>' if note else "") + "</text>"
                   f'<rect x="{x:.1f}" y="{y + 3}" width="{width:.1f}" height="14" rx="2" fill="{colour}"/>'
                   f'<text x="{x + width + 5:.1f}" y="{y + 14}" fill="#5c6b73" font-size="11">{milliseconds(span.get("duration", 1))}</text></g>')
    return "\n".join([*out, "</svg>", ""])


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("trace", metavar="TRACE")
    options.add_argument("-o", "--output", metavar="FILE", help="default: standard output")
    given = options.parse_args()
    picture = draw(read(given.trace))
    if given.output:
        with open(given.output, "w") as file:
            file.write(picture)
    else:
        sys.stdout.write(picture)


if __name__ == "__main__":
    main()
