// Draws the response times of one monitor: lines with gaps, outages and planned work shaded, a click leads to the checks.
// Without this file the sentence and the table below the picture still say all of it.
"use strict";

(() => {
  const one = (selector) => document.querySelector(selector);
  const DASHES = [[], [6, 4], [2, 3], [10, 4, 2, 4], [4, 4]];
  const PHASES = ["dns", "connect", "tls", "first_byte", "download"];
  const HEIGHT = 232;
  const EVERY_MS = 10_000;
  let chart = null;
  let checked = null;
  let asked = 0;

  const { colour, inMs, inZone, DAY, MINUTE, axis: newAxis, fromZero, lonelyPoints } = plotting;
  const ZONE = document.documentElement.dataset.zone || "UTC";

  const paint = (line, place) => colour(PHASES.includes(line.key) ? `--phase-${line.key}` : `--chart-${place % 5 + 1}`);

  // Stripes for outages and dots for planned work, so that they are told apart without colour.
  function pattern(context, kind) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const brush = tile.getContext("2d");
    brush.strokeStyle = brush.fillStyle = colour(kind === "down" ? "--down-bar" : "--unknown-bar");
    brush.globalAlpha = .55;
    if (kind === "down") {
      brush.beginPath();
      for (const at of [-8, 0, 8]) { brush.moveTo(at, 8); brush.lineTo(at + 8, 0); }
      brush.stroke();
    } else brush.fillRect(3, 3, 2, 2);
    return context.createPattern(tile, "repeat");
  }

  function shade(plot, bands) {
    const { ctx: context, bbox: box } = plot;
    context.save();
    context.beginPath();
    context.rect(box.left, box.top, box.width, box.height);
    context.clip();
    for (const band of bands) {
      const from = plot.valToPos(band.from, "x", true);
      const width = Math.max(plot.valToPos(band.to, "x", true) - from, 3 * devicePixelRatio);
      context.globalAlpha = .14;
      context.fillStyle = colour(band.kind === "down" ? "--down-bar" : "--unknown-bar");
      context.fillRect(from, box.top, width, box.height);
      context.globalAlpha = 1;
      context.fillStyle = pattern(context, band.kind);
      context.fillRect(from, box.top, width, box.height);
    }
    context.restore();
  }

  // The line nearest to the pointer says which region's checks are meant.
  function goToChecks(plot, data, where) {
    const at = plot.cursor.idx;
    if (at == null) return;
    const distance = (line) => line.values[at] == null ? Infinity : Math.abs(plot.valToPos(line.values[at], "y") - plot.cursor.top);
    const nearest = data.series.reduce((best, line) => distance(line) < distance(best) ? line : best, data.series[0]);
    const region = data.region || (distance(nearest) < Infinity ? nearest.key : "");
    location.href = `${where}?${new URLSearchParams({ region, at: data.times[at], step: data.step_s })}`;
  }

  function draw(place, data) {
    const axis = newAxis();
    const daily = data.step_s >= 86400;
    const zone = daily ? "UTC" : ZONE; // the days that figures are kept for are those of UTC
    const told = inZone(zone);
    const isMidnight = (at) => told(at, MINUTE) === "00:00";
    const options = {
      width: place.clientWidth,
      height: HEIGHT,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone === "UTC" ? "Etc/UTC" : zone),
      cursor: { points: { size: 7 }, drag: { x: false, y: false } },
      scales: { x: { range: () => [data.times[0], Math.max(data.until, data.times.at(-1))] }, y: fromZero },
      axes: [
        { ...axis, size: 32, values: (_, marks) => marks.map((at) => daily || isMidnight(at) ? told(at, DAY) : told(at, MINUTE)) },
        { ...axis, size: 64, values: (_, marks) => marks.map(inMs) },
      ],
      series: [
        { label: zone, value: (_, at) => at == null ? "–" : told(at, daily ? DAY : { ...DAY, ...MINUTE }) },
        ...data.series.map((line, number) => ({
          label: line.name,
          stroke: paint(line, number),
          dash: DASHES[number % DASHES.length],
          width: 2,
          spanGaps: false,
          points: { show: true, size: 5, fill: paint(line, number), filter: lonelyPoints },
          value: (_, value) => inMs(value),
        })),
      ],
      hooks: {
        drawClear: [(plot) => shade(plot, data.bands)],
        ready: [(plot) => plot.over.addEventListener("click", () => goToChecks(plot, data, place.dataset.checks))],
      },
    };
    chart?.destroy();
    chart = new uPlot(options, [data.times, ...data.series.map((line) => line.values)], place);
    chart.dataShown = data;
    chart.place = place;
  }

  async function load(place) {
    checked = one("[data-checked]")?.dataset.checked;
    asked = Date.now();
    const answer = await fetch(place.dataset.series, { headers: { Accept: "application/json" } }).catch(() => null);
    if (!answer?.ok || answer.redirected || !place.isConnected) return;
    draw(place, await answer.json());
    place.dataset.drawn = "yes";
  }

  // Another time brings another plot; a new result renews the lines and the words below them, but not at every tick.
  function follow() {
    const place = one("[data-series]");
    if (!place || document.hidden || typeof uPlot === "undefined") return;
    if (!place.dataset.asked) {
      place.dataset.asked = "yes";
      load(place);
      return;
    }
    const latest = one("[data-checked]")?.dataset.checked;
    const pause = "empty" in one("#chart-words").dataset ? 1000 : EVERY_MS;
    if ("live" in place.dataset && latest !== checked && Date.now() - asked > pause) {
      load(place);
      htmx.trigger("#chart-words", "renew");
    }
  }

  const redraw = () => chart?.place.isConnected && draw(chart.place, chart.dataShown);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  addEventListener("resize", () => chart?.place.isConnected && chart.setSize({ width: chart.place.clientWidth, height: HEIGHT }));
  document.addEventListener("htmx:afterSettle", follow);
  setInterval(follow, 1000);
  follow();
})();
