// Makes the pages live: polls, keeps relative times true, draws the chart, says aloud what changed.
// Without this file every page still shows everything and every form still works.
"use strict";

(() => {
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // --- polling: each part says how often; nothing is asked while nobody looks ---

  const TICK_MS = 250;
  const asked = new WeakMap();

  function poll(atOnce) {
    if (document.hidden) return;
    const now = Date.now();
    for (const part of all("[data-poll]")) {
      if (!asked.has(part)) asked.set(part, now);
      if (!atOnce && now - asked.get(part) < Number(part.dataset.poll) * 1000) continue;
      asked.set(part, now);
      htmx.trigger(part, "poll");
    }
  }

  document.addEventListener("visibilitychange", () => poll(true));
  setInterval(poll, TICK_MS, false);

  // A part that has not changed is answered by 304 and stays as it is, focus and selection included.
  document.addEventListener("htmx:configRequest", ({ target, detail }) => {
    if (target.dataset.etag) detail.headers["If-None-Match"] = `"${target.dataset.etag}"`;
  });

  // Old news must not look like new: say when the server cannot be reached, and leave a page that is gone.
  document.addEventListener("htmx:afterRequest", ({ detail }) => {
    const status = detail.xhr.status;
    one("#unreachable").hidden = status > 0 && status < 500;
    if (status === 404) location.reload();
  });

  // --- what a swap would lose, and what it should tell ---

  const STATUS_WORDS = {
    up: "is up", down: "is down", partial: "is partly down", degraded: "is degraded", unknown: "is unknown",
    paused: "is paused", pending: "is being checked", maintenance: "is in maintenance",
  };
  let openDetails = [];
  let statuses = statusesShown();

  function statusesShown() {
    return new Map(all("[data-monitor]").map((it) => [it.dataset.monitor, [it.dataset.name, it.dataset.status]]));
  }

  function announceChanges() {
    const now = statusesShown();
    const changes = [];
    for (const [id, [name, status]] of now) {
      if (statuses.has(id) && statuses.get(id)[1] !== status) changes.push(`${name} ${STATUS_WORDS[status] || status}`);
    }
    statuses = now;
    if (changes.length) one("#announcement").textContent = `${changes.slice(0, 5).join(". ")}.`;
  }

  function showTrouble() {
    const part = one("[data-down]");
    if (!part) return;
    const down = Number(part.dataset.down);
    document.title = (down ? `(${down} down) ` : "") + document.title.replace(/^\(\d+ down\) /, "");
    const icon = one('link[rel="icon"]');
    const wanted = down ? icon.dataset.trouble : icon.dataset.calm;
    if (icon.getAttribute("href") !== wanted) icon.setAttribute("href", wanted);
  }

  document.addEventListener("htmx:beforeSwap", () => {
    openDetails = all("details[open][id]").map((it) => it.id);
  });
  document.addEventListener("htmx:afterSettle", () => {
    for (const id of openDetails) document.getElementById(id)?.setAttribute("open", "");
    announceChanges();
    showTrouble();
    sayTimes();
    chartFollows();
  });

  // --- relative times, in the same words as dashboard/words.py ---

  function span(seconds) {
    const two = (large, small, size, names) => {
      const rest = Math.floor((large % size) / small);
      return `${Math.floor(large / size)} ${names[0]}${rest ? ` ${rest} ${names[1]}` : ""}`;
    };
    const whole = Math.max(0, Math.floor(seconds));
    if (whole < 60) return `${whole} s`;
    if (whole < 3600) return `${Math.floor(whole / 60)} min`;
    return whole < 86400 ? two(whole, 60, 3600, ["h", "min"]) : two(whole, 3600, 86400, ["d", "h"]);
  }

  function sayTimes() {
    for (const time of all("time[data-ago], time[data-for]")) {
      const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
      const ago = seconds < 5 ? "just now" : `${span(seconds)} ago`;
      const words = "for" in time.dataset ? span(seconds) : ago;
      if (time.textContent !== words) time.textContent = words;
    }
  }
  setInterval(() => document.hidden || (sayTimes(), chartFollows()), 1000);

  // --- copying: offered where the browser lets us, which is over https and on this machine ---

  for (const button of navigator.clipboard ? all("[data-copy]") : []) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(one("code", button.parentElement).textContent);
      one("#announcement").textContent = "Copied.";
      button.firstChild.textContent = "Copied";
      setTimeout(() => { button.firstChild.textContent = "Copy"; }, 2000);
    });
  }

  // --- the response-time chart ---

  const DASHES = [[], [6, 4], [2, 3], [10, 4, 2, 4], [4, 4]];
  const CHART_EVERY_MS = 10_000;
  let chart = null;
  let chartChecked = null;
  let chartAsked = 0;

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const inMs = (value) => value == null ? "–" : value < 1000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(2)} s`;
  const utc = (seconds, parts) => new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...parts }).format(seconds * 1000);
  const DAY = { day: "numeric", month: "short" };
  const MINUTE = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

  // A line needs two neighbours; a value between two gaps is drawn as a point, or it would not be seen.
  function lonelyPoints(plot, series) {
    const values = plot.data[series];
    return values.flatMap((value, at) => value != null && values[at - 1] == null && values[at + 1] == null ? [at] : []);
  }

  function draw(plot, data) {
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const daily = data.step_s >= 86400;
    const options = {
      width: plot.clientWidth,
      height: 232,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      cursor: { points: { size: 7 }, drag: { x: false, y: false } },
      scales: { y: { range: (_, low, high) => [0, high == null ? 100 : high * 1.15 || 1] } },
      axes: [
        { ...axis, size: 32, values: (_, marks) => marks.map((at) => daily || at % 86400 === 0 ? utc(at, DAY) : utc(at, MINUTE)) },
        { ...axis, size: 64, values: (_, marks) => marks.map(inMs) },
      ],
      series: [
        { label: "UTC", value: (_, at) => at == null ? "–" : utc(at, daily ? DAY : { ...DAY, ...MINUTE }) },
        ...data.series.map((line, place) => ({
          label: line.region,
          stroke: colour(`--chart-${place % 5 + 1}`),
          dash: DASHES[place % DASHES.length],
          width: 2,
          spanGaps: false,
          points: { show: true, size: 5, fill: colour(`--chart-${place % 5 + 1}`), filter: lonelyPoints },
          value: (_, value) => inMs(value),
        })),
      ],
    };
    chart?.destroy();
    chart = new uPlot(options, [data.times, ...data.series.map((line) => line.values)], plot);
    chart.dataShown = data;
    chart.plot = plot;
  }

  async function loadChart() {
    const plot = one("[data-series]");
    if (!plot || typeof uPlot === "undefined") return;
    chartChecked = one("[data-checked]")?.dataset.checked;
    chartAsked = Date.now();
    const answer = await fetch(plot.dataset.series, { headers: { Accept: "application/json" } }).catch(() => null);
    if (!answer?.ok || answer.redirected || !plot.isConnected) return;
    draw(plot, await answer.json());
  }

  // A new range brings a new plot; a new result renews the lines and the words below them, but not at every tick.
  function chartFollows() {
    const plot = one("[data-series]");
    if (!plot) return;
    if (chart?.plot !== plot) {
      if (chartAsked && chart?.plot?.isConnected === false) { chart.destroy(); chart = null; }
      if (!plot.dataset.drawn) { plot.dataset.drawn = "yes"; loadChart(); }
      return;
    }
    const checked = one("[data-checked]")?.dataset.checked;
    const pause = "empty" in one("#chart-words").dataset ? 1000 : CHART_EVERY_MS;
    if (checked !== chartChecked && Date.now() - chartAsked > pause) {
      loadChart();
      htmx.trigger("#chart-words", "renew");
    }
  }

  const redraw = () => chart?.plot.isConnected && draw(chart.plot, chart.dataShown);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  addEventListener("resize", () => chart?.plot.isConnected && chart.setSize({ width: chart.plot.clientWidth, height: 232 }));

  sayTimes();
  showTrouble();
  chartFollows();
})();
