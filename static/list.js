// The list of monitors: rows are renewed one by one and keep their places while somebody reads; choosing many; the
// bars by keyboard. Without this file the list is shown, filtered, paged and changed all the same.
"use strict";

(() => {
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const idsOf = (part) => all("[data-monitor]", part).map((row) => row.dataset.monitor);

  // --- the order is held while somebody may be reading ---

  const AT_REST_MS = 60_000;
  let touched = Date.now();

  for (const kind of ["pointermove", "pointerdown", "keydown", "scroll", "focusin"]) {
    document.addEventListener(kind, () => { touched = Date.now(); }, { passive: true, capture: true });
  }
  document.addEventListener("visibilitychange", () => { if (document.hidden) touched = 0; });

  function nobodyReads() {
    const rows = one("#rows .rows");
    return Date.now() - touched > AT_REST_MS && !rows?.contains(document.activeElement);
  }

  document.addEventListener("htmx:configRequest", ({ detail }) => {
    if (detail.elt.id === "rows" && !nobodyReads()) detail.headers["X-Shown"] = idsOf(detail.elt).join(",");
    if (detail.elt.id !== "finder") return;
    for (const [name, value] of [...detail.formData.entries()]) if (value === "") detail.formData.delete(name);
  });

  // --- what is polled is put in row by row: focus, selection and choices stay where they are ---

  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (detail.target.id !== "rows" || !detail.shouldSwap || detail.requestConfig.elt !== detail.target) return;
    const fresh = one("#rows", new DOMParser().parseFromString(detail.serverResponse, "text/html"));
    const old = detail.target;
    if (!fresh || idsOf(fresh).join() !== idsOf(old).join() || !idsOf(old).length) return;
    detail.shouldSwap = false;
    keeping(() => merge(old, fresh));
    htmx.process(old);
    htmx.trigger(old, "htmx:afterSettle");
  });

  function merge(old, fresh) {
    const rows = all(".row", fresh);
    all(".row", old).forEach((row, at) => { if (row.dataset.mark !== rows[at].dataset.mark) row.replaceWith(rows[at]); });
    for (const part of all("[data-part]", fresh)) {
      const before = one(`[data-part="${part.dataset.part}"]`, old);
      if (before && before.dataset.was !== part.innerHTML) {
        const was = part.innerHTML;
        before.replaceWith(part);
        part.dataset.was = was;
      }
    }
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }

  let kept = null;
  const keep = () => ({
    focus: document.activeElement?.id,
    bar: document.activeElement?.dataset?.at,
    ticked: all("#rows input:checked").map((box) => box.id),
  });

  function restore({ focus, bar, ticked }) {
    for (const id of ticked) {
      const box = document.getElementById(id);
      if (box) box.checked = true;
    }
    prepare();
    const lost = focus && document.activeElement?.id !== focus && document.getElementById(focus);
    if (!lost || !one("#rows").contains(lost)) return;
    lost.focus({ preventScroll: true });
    if (bar) stepTo(lost, Number(bar));
  }

  function keeping(change) {
    const before = keep();
    change();
    restore(before);
  }

  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (detail.target.id === "rows" && detail.shouldSwap) kept = keep();
  });
  document.addEventListener("htmx:afterSwap", () => {
    if (!kept) return;
    restore(kept);
    kept = null;
  });

  // --- choosing many ---

  const picks = () => all("#rows .rows .pick input");

  function count() {
    const ticked = picks().filter((box) => box.checked).length;
    const label = one("#picked");
    if (label) label.textContent = label.dataset.words.replace("%s", ticked);
    const whole = one("#pick-all");
    if (!whole) return;
    whole.checked = ticked > 0 && ticked === picks().length;
    whole.indeterminate = ticked > 0 && !whole.checked;
    const everything = one("#everything");
    if (everything && !ticked) everything.checked = false;
  }

  document.addEventListener("change", ({ target }) => {
    if (!target.closest("#rows")) return;
    if (target.id === "pick-all") for (const box of picks()) box.checked = target.checked;
    count();
  });

  // --- the bars: one stop for Tab in each row, arrows go from hour to hour and read it ---

  const bars = (strip) => all("g", strip);
  const reading = document.createElement("p");
  reading.className = "reading";
  reading.hidden = true;
  reading.setAttribute("aria-hidden", "true");
  document.body.append(reading);

  function prepare() {
    for (const box of all(".pick-all")) box.hidden = false;
    for (const strip of all("#rows .strip:not([tabindex])")) {
      strip.setAttribute("tabindex", "0");
      strip.setAttribute("role", "slider");
      strip.setAttribute("aria-readonly", "true");
      strip.setAttribute("aria-valuemin", "1");
      strip.setAttribute("aria-valuemax", bars(strip).length);
      strip.id = `strip-${strip.closest(".row").dataset.monitor}`;
      name(strip, bars(strip).length - 1);
    }
    count();
  }

  function name(strip, at) {
    strip.setAttribute("aria-valuenow", at + 1);
    strip.setAttribute("aria-valuetext", one("title", bars(strip)[at]).textContent);
  }

  function stepTo(strip, at) {
    const places = bars(strip);
    const place = Math.min(places.length - 1, Math.max(0, at));
    strip.dataset.at = place;
    name(strip, place);
    places.forEach((bar, index) => bar.classList.toggle("is-here", index === place));
    const { left, bottom } = places[place].getBoundingClientRect();
    reading.textContent = strip.getAttribute("aria-valuetext");
    reading.hidden = false;
    const room = document.documentElement.clientWidth - reading.offsetWidth - 8;
    reading.style.left = `${Math.max(8, Math.min(left - 8, room)) + scrollX}px`;
    reading.style.top = `${bottom + 6 + scrollY}px`;
  }

  document.addEventListener("focusin", ({ target }) => {
    if (target.classList.contains("strip")) stepTo(target, Number(target.dataset.at ?? bars(target).length - 1));
  });
  document.addEventListener("focusout", ({ target }) => {
    if (!target.classList.contains("strip")) return;
    reading.hidden = true;
    for (const bar of bars(target)) bar.classList.remove("is-here");
  });
  document.addEventListener("keydown", (event) => {
    const strip = event.target;
    if (!strip.classList.contains("strip") || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = Number(strip.dataset.at), last = bars(strip).length - 1;
    const to = { ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    stepTo(strip, to);
  });
  document.addEventListener("click", ({ target }) => {
    const strip = target.closest(".row .strip");
    if (strip) one(".row-name", strip.closest(".row")).click();
  });

  prepare();
})();
