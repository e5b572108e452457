// Keys that save a way: / searches, ? helps, j and k walk through a list, g and a letter goes to a page. They are
// silent while somebody types, and can be switched off in the help (WCAG 2.1.4).
"use strict";

(() => {
  const SWITCHED = "keys-are-off";
  const one = (selector) => document.querySelector(selector);
  const help = one("#help");
  if (!help) return;

  // A browser may forbid a page to remember anything; then the keys are on.
  const remembered = () => { try { return localStorage.getItem(SWITCHED) === "yes"; } catch { return false; } };
  const remember = (off) => { try { localStorage.setItem(SWITCHED, off ? "yes" : "no"); } catch { /* until it is left */ } };
  let off = remembered();
  const box = one("#keys-on");
  box.checked = !off;
  box.addEventListener("change", () => { off = !box.checked; remember(off); });

  const open = () => { if (!help.open) help.showModal(); };
  for (const button of document.querySelectorAll("[data-help]")) {
    button.hidden = false;
    button.addEventListener("click", open);
  }
  one("#help-close").addEventListener("click", () => help.close());
  help.addEventListener("click", (event) => { if (event.target === help) help.close(); });

  // --- which key means what ---

  const typing = (it) => it.isContentEditable || it.closest("input:not([type=checkbox], [type=radio]), textarea, select");
  const steps = () => [...document.querySelectorAll(".row-name, .item-name")].filter((it) => it.checkVisibility());

  function walk(by) {
    const places = steps();
    const row = document.activeElement.closest(".row, .item, .incident");
    const at = places.findIndex((it) => it === document.activeElement || row?.contains(it));
    const next = places[at < 0 ? (by > 0 ? 0 : places.length - 1) : at + by];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  }

  function search() {
    const field = one("input[type=search]");
    field?.focus();
    field?.select();
    return Boolean(field);
  }

  function tick() {
    const pick = document.activeElement.closest(".row")?.querySelector(".pick input");
    pick?.click();
    return Boolean(pick);
  }

  const KEYS = { "/": search, "?": open, j: () => walk(1), k: () => walk(-1), x: tick };
  const TOGETHER_MS = 1500;
  let gone = 0;

  document.addEventListener("keydown", (event) => {
    if (off || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (help.open || typing(event.target)) return;
    const place = event.timeStamp - gone < TOGETHER_MS && one(`[data-go="${CSS.escape(event.key)}"]`);
    gone = event.key === "g" ? event.timeStamp : 0;
    if (place) {
      event.preventDefault();
      location.assign(place.href);
    } else if (Object.hasOwn(KEYS, event.key) && KEYS[event.key]() !== false) {
      event.preventDefault();
    }
  });
})();
