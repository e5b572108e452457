// Draws the response times of a status page. What they say stands in words and in a table beside each picture.
"use strict";

(() => {
  const HEIGHT = 160;
  const EVERY_MS = 300_000;
  const drawn = new Map();

  const { colour, inMs, inZone, DAY, MINUTE, axis: newAxis, fromZero, lonelyPoints } = plotting;
  const utc = inZone("UTC");

  function draw(plot, data) {
    const axis = newAxis();
    const line = colour("--accent");
    drawn.get(plot)?.chart.destroy();
    const chart = new uPlot({
      width: plot.clientWidth,
      height: HEIGHT,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      legend: { show: true },
      cursor: { points: { size: 7 }, drag: { x: false, y: false } },
      scales: { y: fromZero },
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
