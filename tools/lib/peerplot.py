"""The plot of `tools/bench peers`: an SVG with throughput and latency of each server. Pure."""

import html

WIDTH, LEFT, BAR, GAP, HEAD = 900, 150, 14, 12, 34
COLOURS = ("#2b6cb0", "#90cdf4")
# Title, unit, and the two figures that are drawn beside each other.
PANELS = (("Throughput, kxdpgun", "thousand answers/s", 1e-3,
           (("answered", "at saturation"), ("clean", "at most 0.1 % lost"))),
          ("Latency at 20,000 queries/s, dnsperf", "us", 1,
           (("p50-20k", "p50"), ("p99-20k", "p99"))),
          ("Latency at 50,000 queries/s, dnsperf", "us", 1,
           (("p50-50k", "p50"), ("p99-50k", "p99"))))


def text(x, y, words, anchor="start", size=12):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">'
            f"{html.escape(words)}</text>")


def bar(row, y, longest, scale, colour):
    """A bar as long as the median, a thin line from the least to the greatest, and the figure."""
    room = WIDTH - LEFT - 90
    ends = [LEFT + room * value / longest for value in (row.value, row.min, row.max)]
    middle = y + BAR / 2
    return [f'<rect x="{LEFT}" y="{y:.1f}" width="{ends[0] - LEFT:.1f}" height="{BAR}"'
            f' fill="{colour}"/>',
            f'<line x1="{ends[1]:.1f}" x2="{ends[2]:.1f}" y1="{middle:.1f}" y2="{middle:.1f}"'
            ' stroke="#1a202c"/>',
            text(max(ends) + 6, y + BAR - 2, f"{row.value * scale:,.0f}")]


def panel(rows, y, title, unit, scale, figures):
    """The lines of one panel and where it ends; nothing where no row has its figures."""
    found = [[rows.get(figure, {}).get(server) for figure, _ in figures]
             for server in rows.get(figures[0][0], {})]
    servers = list(rows.get(figures[0][0], {}))
    shown = [row for pair in found for row in pair if row is not None]
    if not shown:
        return [], y
    longest = max(row.max for row in shown) or 1
    lines = [text(10, y + 18, f"{title} ({unit})", size=15)]
    for i, (_, words) in enumerate(figures):
        at = WIDTH - 290 + 140 * i
        lines += [f'<rect x="{at}" y="{y + 8}" width="10" height="10" fill="{COLOURS[i]}"/>',
                  text(at + 15, y + 18, words)]
    y += HEAD
    for server, pair in zip(servers, found):
        lines.append(text(LEFT - 8, y + BAR + 4, server, "end"))
        for i, row in enumerate(pair):
            if row is not None:
                lines += bar(row, y + i * BAR, longest, scale, COLOURS[i])
        y += len(figures) * BAR + GAP
    return lines, y + GAP


def plot(rows):
    """The SVG of the rows of benchpeers."""
    by_figure = {}
    for row in rows:
        figure, _, server = row.name.partition("/")
        by_figure.setdefault(figure, {})[server] = row
    lines, y = [], 10
    for title, unit, scale, figures in PANELS:
        more, y = panel(by_figure, y, title, unit, scale, figures)
        lines += more
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y:.0f}"'
                      ' font-family="sans-serif">',
                      '<rect width="100%" height="100%" fill="white"/>', *lines, "</svg>\n"])
