// Makes the pages live: polls, keeps relative times true, says aloud what changed.
// Without this file every page still shows everything and every form still works.
"use strict";

(() => {
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const words = JSON.parse(one('meta[name="words"]').content); // dashboard/words.py, in the language of the page

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

  let openDetails = [];
  let statuses = statusesShown();

  function statusesShown() {
    return new Map(all("[data-monitor]").map((it) => [it.dataset.monitor, [it.dataset.name, it.dataset.status]]));
  }

  function announceChanges() {
    const now = statusesShown();
    const changes = [];
    for (const [id, [name, status]] of now) {
      if (statuses.has(id) && statuses.get(id)[1] !== status) changes.push((words.statuses[status] ?? `%s: ${status}`).replace("%s", name));
    }
    statuses = now;
    if (changes.length) one("#announcement").textContent = `${changes.slice(0, 5).join(". ")}.`;
  }

  function showTrouble() {
    const part = one("[data-down]");
    if (!part) return;
    const down = Number(part.dataset.down);
    document.title = (down ? `(${words.down.replace("%s", down)}) ` : "") + document.title.replace(/^\(\d+ [^)]*\) /, "");
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
  });

  // --- relative times, in the same words as dashboard/words.py ---

  function span(seconds) {
    const two = (large, small, size, names) => {
      const rest = Math.floor((large % size) / small);
      return `${Math.floor(large / size)} ${names[0]}${rest ? ` ${rest} ${names[1]}` : ""}`;
    };
    const whole = Math.max(0, Math.floor(seconds));
    if (whole < 60) return words.seconds.replace("%s", whole);
    if (whole < 3600) return words.minutes.replace("%s", Math.floor(whole / 60));
    return whole < 86400 ? two(whole, 60, 3600, words.hour_minute) : two(whole, 3600, 86400, words.day_hour);
  }

  function sayTimes() {
    for (const time of all("time[data-ago], time[data-for]")) {
      const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
      const ago = seconds < 5 ? words.now : words.ago.replace("%s", span(seconds));
      const told = "for" in time.dataset ? span(seconds) : ago;
      if (time.textContent !== told) time.textContent = told;
    }
  }
  setInterval(() => document.hidden || sayTimes(), 1000);

  // --- a menu closes when one is done with it ---

  for (const menu of all("details[data-closes]")) {
    document.addEventListener("click", ({ target }) => { if (!menu.contains(target)) menu.open = false; });
    menu.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget && !menu.contains(relatedTarget)) menu.open = false;
    });
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !menu.open) return;
      menu.open = false;
      one("summary", menu).focus();
    });
  }

  // --- copying: offered where the browser lets us, which is over https and on this machine ---

  for (const button of navigator.clipboard ? all("[data-copy]") : []) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(one("code", button.parentElement).textContent);
      one("#announcement").textContent = `${words.copied}.`;
      button.firstChild.textContent = words.copied;
      setTimeout(() => { button.firstChild.textContent = words.copy; }, 2000);
    });
  }

  // --- whose clocks: a form that asks is filled in ---

  for (const field of all("[data-own-zone]")) field.value = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";

  sayTimes();
  showTrouble();
})();
