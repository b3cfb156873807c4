import type { Idle } from "./idle.ts";

const WIDTH = 640;
const HEIGHT = 380;
const BOX = { left: 56, top: 40, right: 36, bottom: 44 };
const COLORS = ["#0969da", "#cf222e", "#1a7f37", "#8250df"];
const LARGEST_AT_LEAST = 40;

/** CPU against connections as a picture: connections on a logarithmic axis, a line for each series. */
export function plot(series: ReadonlyMap<string, readonly Idle[]>): string {
  const all = [...series.values()].flat();
  const sizes = [...new Set(all.map(({ connections }) => connections))].toSorted((a, b) => a - b);
  const [least, most] = [Math.log10(sizes[0]!), Math.log10(sizes.at(-1)!)];
  const top = Math.ceil(Math.max(LARGEST_AT_LEAST, ...all.map(({ corePercent }) => corePercent)) / 10) * 10;
  const x = (connections: number): number =>
    Math.round(BOX.left + ((Math.log10(connections) - least) / (most - least)) * (WIDTH - BOX.left - BOX.right));
  const y = (percent: number): number =>
    Math.round(HEIGHT - BOX.bottom - (percent / top) * (HEIGHT - BOX.top - BOX.bottom));
  const text = (left: number, top: number, anchor: string, words: string): string =>
    `<text x="${left}" y="${top}" text-anchor="${anchor}">${words}</text>`;
  const step = top / 5;
  const grid = Array.from({ length: 6 }, (_, i) => i * step).flatMap((percent) => [
    `<path d="M${BOX.left} ${y(percent)}H${WIDTH - BOX.right}" stroke="#d0d7de"/>`,
    text(BOX.left - 8, y(percent) + 4, "end", `${Math.round(percent)} %`),
  ]);
  const lines = [...series].flatMap(([name, measures], i) => {
    const points = measures.map(({ connections, corePercent }) => `${x(connections)},${y(corePercent)}`);
    const color = COLORS[i % COLORS.length];
    return [
      `<polyline points="${points.join(" ")}" fill="none" stroke="${color}" stroke-width="2"/>`,
      ...points.map(
        (point) => `<circle cx="${point.split(",")[0]}" cy="${point.split(",")[1]}" r="4" fill="${color}"/>`,
      ),
      `<rect x="${BOX.left + 12}" y="${BOX.top + 8 + i * 20}" width="12" height="12" fill="${color}"/>`,
      text(BOX.left + 30, BOX.top + 18 + i * 20, "start", name),
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    "<title>CPU of one process against the number of connections</title>",
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(BOX.left, 22, "start", "CPU of one process, in percent of a core, while nothing changes"),
    ...grid,
    ...sizes.map((size) => text(x(size), HEIGHT - BOX.bottom + 18, "middle", size.toLocaleString("en"))),
    text((WIDTH + BOX.left) / 2, HEIGHT - 8, "middle", "connections, each polled every 5 minutes"),
    ...lines,
    "</svg>",
    "",
  ].join("\n");
}
