// While posters are on their way, the parts of the page marked data-live are fetched again and replaced when they changed.
// Without JavaScript the page is the same, only a reload is by hand.
"use strict";
(() => {
  const FIRST_MS = 2000;
  const LONGEST_MS = 15000;
  let pause = FIRST_MS;

  const busy = () => document.querySelector("[data-busy]") !== null;

  function take(fresh) {
    let changed = false;
    for (const part of document.querySelectorAll("[data-live]")) {
      const next = fresh.getElementById(part.id);
      if (next && next.outerHTML !== part.outerHTML && !part.contains(document.activeElement)) {
        part.replaceWith(document.adoptNode(next));
        changed = true;
      }
    }
    return changed;
  }

  async function look() {
    if (!document.hidden) {
      try {
        const answer = await fetch(location.href);
        const changed = answer.ok && take(new DOMParser().parseFromString(await answer.text(), "text/html"));
        pause = changed ? FIRST_MS : Math.min(pause * 1.5, LONGEST_MS);
      } catch {
        pause = LONGEST_MS; // the server is away: it may come back
      }
    }
    if (busy()) setTimeout(look, pause);
  }

  if (busy()) setTimeout(look, pause);
})();
