"use strict";
(() => {
  const page = JSON.parse(document.getElementById("page").textContent);

  // Tables come as columns, because names of fields repeated in every row would double the page.
  const rowsOf = (columns) => {
    const names = Object.keys(columns);
    const length = names.length ? columns[names[0]].length : 0;
    return Array.from({ length }, (_, i) => Object.fromEntries(names.map((name) => [name, columns[name][i]])));
  };
  const rows = {};
  for (const name of Object.keys(page.tables)) rows[name] = rowsOf(page.tables[name]);

  // Text goes in as text: a model may be called anything.
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("role", "status");
  document.body.append(tip);
  const showTip = (_handler, event, _item, value) => {
    if (value === null || value === undefined || value === "") {
      tip.hidden = true;
      return;
    }
    const grid = document.createElement("div");
    for (const [term, text] of Object.entries(value)) {
      const name = document.createElement("b");
      const shown = document.createElement("bdi");
      name.textContent = term;
      shown.textContent = text;
      grid.append(name, shown);
    }
    tip.replaceChildren(grid);
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = event.clientX + 14 + box.width > innerWidth ? event.clientX - 14 - box.width : event.clientX + 14;
    const top = event.clientY + 14 + box.height > innerHeight ? event.clientY - 14 - box.height : event.clientY + 14;
    tip.style.left = `${Math.max(4, left)}px`;
    tip.style.top = `${Math.max(4, top)}px`;
  };

  const NARROW = 560;
  // Labels of cells: their largest and smallest font size, the widest one in multiples of it, and the gap between two.
  const LABEL = { most: 10.5, least: 6.5, widest: 22.5, gap: 0.8 };
  // The size that a chart gets in a column of this width, and the values of its parameters.
  const sized = (chart, width) => {
    if (chart.layout === "cells") {
      const count = rows.leaves.length;
      // A step holds a label and the gap; all steps and the widest label fill the column.
      const font = Math.min(LABEL.most, (width - count * LABEL.gap) / (count + LABEL.widest));
      const narrow = font < LABEL.least;
      const room = narrow ? width - 14 : width - font * LABEL.widest;
      const side = Math.min(chart.most * count, room);
      return { params: { narrow, labelSize: font }, size: { width: side, height: side } };
    }
    const across = Math.min(chart.most, width);
    const autosize = { type: chart.layout === "square" ? "fit" : "fit-x", contains: "padding" };
    const height = chart.layout === "square" ? { height: across } : {};
    return { params: { narrow: width < NARROW }, size: { width: across, autosize, ...height } };
  };

  const drawn = [];
  const draw = async (chart) => {
    const place = document.getElementById(`chart-${chart.id}`);
    const { params, size } = sized(chart, place.clientWidth);
    const spec = { ...chart.spec, ...size };
    spec.params = spec.params.map((param) => (param.name in params ? { ...param, value: params[param.name] } : param));
    // Vega adds its own fields to rows, so that charts must not share the objects.
    spec.datasets = Object.fromEntries(chart.tables.map((name) => [name, rows[name].map((row) => ({ ...row }))]));
    const font = getComputedStyle(document.querySelector("table")).fontFamily;
    const result = await vegaEmbed(place, spec, {
      mode: "vega-lite",
      renderer: "svg",
      actions: false,
      // Expressions are interpreted, because the page's policy forbids to make functions from strings.
      ast: true,
      defaultStyle: false,
      tooltip: showTip,
      config: { ...page.config, font },
    });
    drawn.push(result);
  };

  let width = 0;
  const drawAll = async () => {
    width = document.documentElement.clientWidth;
    for (const result of drawn.splice(0)) result.finalize();
    for (const chart of page.charts) await draw(chart);
    document.documentElement.dataset.charts = "drawn";
  };

  const numeric = (text) => {
    const plain = text.replace(/[,\u202f%×]/g, "").replace("\u2212", "-");
    return plain === "" || Number.isNaN(Number(plain)) ? null : Number(plain);
  };
  const compare = (one, other) => {
    const [a, b] = [numeric(one), numeric(other)];
    if (a !== null && b !== null) return a - b;
    if (a !== null || b !== null) return a === null ? 1 : -1;
    return one < other ? -1 : Number(one > other);
  };
  const makeSortable = (table) => {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, k) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const body = table.tBodies[0];
        const lines = [...body.rows].map((row) => [row.cells[k]?.textContent.trim() ?? "", row]);
        lines.sort(([a], [b]) => (up ? compare(a, b) : compare(b, a)));
        body.append(...lines.map(([, row]) => row));
      });
    });
  };
  const makeSearchable = (controls) => {
    const [body] = document.getElementById(controls.dataset.for).tBodies;
    const [input] = controls.getElementsByTagName("input");
    const status = controls.querySelector("[role=status]");
    controls.hidden = false;
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      let found = 0;
      for (const row of body.rows) {
        const text = `${row.cells[0].textContent} ${row.cells[1]?.textContent ?? ""}`.toLowerCase();
        row.hidden = !text.includes(wanted);
        found += row.hidden ? 0 : 1;
      }
      status.textContent = wanted ? `${found} found` : "";
    });
  };
  document.querySelectorAll("table[data-sortable]").forEach(makeSortable);
  document.querySelectorAll(".controls").forEach(makeSearchable);

  drawAll();
  let waiting = 0;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    if (document.documentElement.clientWidth !== width) waiting = setTimeout(drawAll, 200);
  });
  addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });
})();
