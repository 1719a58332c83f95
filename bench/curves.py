"""Draws figures over a number that grows tenfold, one panel each, as an SVG."""
import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, TOP, ROOM = 360, 220, 64, 34, 40


def ticks(highest):
    """0 and up to four round numbers, the last at or beyond the highest."""
    step = 10 ** math.floor(math.log10(highest or 1))
    step = next(step * by for by in (0.2, 0.25, 0.5, 1, 2, 2.5, 5, 10) if step * by * 4 >= highest)
    return [step * at for at in range(5)]


def panel(title, unit, points):
    lowest, highest = (math.log10(of([x for x, _ in points])) for of in (min, max))
    marks = ticks(max(y for _, y in points))
    across = lambda x: LEFT + (math.log10(x) - lowest) / ((highest - lowest) or 1) * (WIDTH - LEFT - 20)
    down = lambda y: HEIGHT - ROOM - y / marks[-1] * (HEIGHT - ROOM - TOP)
    out = [f'<text x="8" y="18" font-weight="bold">{escape(title)}, {escape(unit)}</text>']
    for y in marks:
        out.append(f'<path d="M{LEFT} {down(y):.1f}H{WIDTH - 20}" stroke="#ddd"/>'
                   f'<text x="{LEFT - 6}" y="{down(y) + 4:.1f}" text-anchor="end">{y:,g}</text>')
    for x, _ in points:
        out.append(f'<text x="{across(x):.1f}" y="{HEIGHT - ROOM + 18}" text-anchor="middle">{x:,}</text>')
    line = " ".join(f"{across(x):.1f},{down(y):.1f}" for x, y in points)
    out.append(f'<polyline points="{line}" fill="none" stroke="#2563eb" stroke-width="2"/>')
    out += [f'<circle cx="{across(x):.1f}" cy="{down(y):.1f}" r="3" fill="#2563eb"/>' for x, y in points]
    return "".join(out)


def picture(panels):
    """`panels` are (title, unit, [(x, y), ...]); two stand side by side."""
    rows = (len(panels) + 1) // 2
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDTH} {rows * HEIGHT}" width="{2 * WIDTH}" '
           f'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="white"/>']
    for at, one in enumerate(panels):
        out.append(f'<g transform="translate({at % 2 * WIDTH} {at // 2 * HEIGHT})">{panel(*one)}</g>')
    return "\n".join(out) + "</svg>\n"
