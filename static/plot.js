// What both kinds of picture share: colours of the page, figures and times in its language, points that stand alone.
"use strict";

const plotting = (() => {
  const root = document.documentElement;
  const tongue = root.lang === "en" ? "en-GB" : root.lang;
  const fixed = (value, digits) => value.toLocaleString(tongue, { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: false });
  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  return {
    colour,
    inMs: (value) => value == null ? "–" : value > 0 && value < 10 ? `${fixed(value, 1)} ms` : value < 1000 ? `${fixed(value, 0)} ms` : `${fixed(value / 1000, 2)} s`,
    inZone: (zone) => (seconds, parts) => new Intl.DateTimeFormat(tongue, { timeZone: zone, ...parts }).format(seconds * 1000),
    DAY: { day: "numeric", month: "short" },
    MINUTE: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
    axis: () => ({ stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" }),
    fromZero: { range: (_, low, high) => [0, high == null ? 100 : high * 1.15 || 1] },

    // A line needs two neighbours; a value between two gaps is drawn as a point, or it would not be seen.
    lonelyPoints(plot, series) {
      const values = plot.data[series];
      return values.flatMap((value, at) => value != null && values[at - 1] == null && values[at + 1] == null ? [at] : []);
    },
  };
})();
