// Draws the response times of a status page. What they say stands in words and in a table beside each picture.
"use strict";

(() => {
  const HEIGHT = 160;
  const EVERY_MS = 300_000;
  const drawn = new Map();

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const TONGUE = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang;
  const fixed = (value, digits) => value.toLocaleString(TONGUE, { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: false });
  const inMs = (value) => value == null ? "–" : value < 1000 ? `${fixed(value, 0)} ms` : `${fixed(value / 1000, 2)} s`;
  const utc = (seconds, parts) => new Intl.DateTimeFormat(TONGUE, { timeZone: "UTC", ...parts }).format(seconds * 1000);
  const DAY = { day: "numeric", month: "short" };
  const MINUTE = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

  // A value between two gaps has no neighbour to draw a line to; it is drawn as a point.
  function lonelyPoints(plot, series) {
    const values = plot.data[series];
    return values.flatMap((value, at) => value != null && values[at - 1] == null && values[at + 1] == null ? [at] : []);
  }

  function draw(plot, data) {
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const line = colour("--accent");
    drawn.get(plot)?.chart.destroy();
    const chart = new uPlot({
      width: plot.clientWidth,
      height: HEIGHT,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      legend: { show: true },
      cursor: { points: { size: 7 }, drag: { x: false, y: false } },
      scales: { y: { range: (_, low, high) => [0, high == null ? 100 : high * 1.15 || 1] } },
      axes: [
        { ...axis, size: 32, values: (_, marks) => marks.map((at) => at % 86400 === 0 ? utc(at, DAY) : "") },
        { ...axis, size: 64, values: (_, marks) => marks.map(inMs) },
      ],
      series: [
        { label: "UTC", value: (_, at) => at == null ? "–" : utc(at, { ...DAY, ...MINUTE }) },
        { label: plot.dataset.label, stroke: line, width: 2, spanGaps: false, points: { show: true, size: 5, fill: line, filter: lonelyPoints }, value: (_, value) => inMs(value) },
      ],
    }, [data.times, data.values], plot);
    drawn.set(plot, { chart, data });
  }

  async function load(plot) {
    const answer = await fetch(plot.dataset.chart, { headers: { Accept: "application/json" } }).catch(() => null);
    if (answer?.ok && !answer.redirected && plot.isConnected) draw(plot, await answer.json());
  }

  const plots = () => [...document.querySelectorAll("[data-chart]")];
  const follow = () => plots().filter((plot) => !drawn.has(plot)).forEach(load);

  document.addEventListener("htmx:afterSettle", follow);
  setInterval(() => document.hidden || plots().forEach(load), EVERY_MS);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach(({ data }, plot) => plot.isConnected && draw(plot, data)));
  addEventListener("resize", () => drawn.forEach(({ chart }, plot) => plot.isConnected && chart.setSize({ width: plot.clientWidth, height: HEIGHT })));
  follow();
})();
