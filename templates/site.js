"use strict";
(() => {
  // Without a script the list of all models stands open instead.
  const MOST = 12;
  const find = document.getElementById("find-model");
  const list = document.getElementById("model-list");
  if (!find || !list) return;
  const said = document.getElementById("find-model-said");
  const lines = [...list.querySelectorAll("li")].map((line) => [line, line.dataset.id, line.querySelector("a").textContent.toLowerCase()]);
  const show = (sought) => {
    const exact = ([, id, name]) => id === sought || name === sought;
    const found = lines.filter((one) => sought && (exact(one) || one[2].includes(sought)));
    found.sort((one, other) => exact(other) - exact(one));
    const shown = found.slice(0, MOST).map(([line]) => line);
    for (const [line] of lines) line.hidden = true;
    for (const line of shown) line.hidden = false;
    list.append(...shown);
    said.textContent = !sought ? "" : found.length > MOST ? `${found.length} found, the first ${MOST} shown` : `${found.length} found`;
  };
  find.hidden = false;
  find.querySelector("input").addEventListener("input", (event) => show(event.target.value.trim().toLowerCase()));
  show("");
})();
