// A static copy of a status page says how old it is, and that it is stale once it is too old.
"use strict";

(() => {
  const about = document.querySelector("[data-made]");
  const banner = document.querySelector("#stale");
  const age = document.querySelector("#age");
  const made = Date.parse(about.dataset.made);
  const words = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });

  function tell() {
    const minutes = Math.max(0, Math.floor((Date.now() - made) / 60_000));
    const [count, unit] = minutes < 60 ? [minutes, "minute"] : minutes < 2880 ? [Math.floor(minutes / 60), "hour"] : [Math.floor(minutes / 1440), "day"];
    age.textContent = `(${words.format(-count, unit)})`;
    banner.hidden = minutes < Number(about.dataset.staleAfter);
  }

  tell();
  setInterval(tell, 15_000);
})();
