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
  // Labels of cells: their largest and smallest font size, and the gap between two.
  const LABEL = { most: 10.5, least: 6.5, gap: 0.8 };
  // The size that a chart gets in a column of this width, and the values of its parameters.
  const sized = (chart, width) => {
    if (chart.layout === "cells") {
      const count = chart.rows;
      // A step holds a label and the gap; all steps and the widest label fill the column.
      const font = Math.min(LABEL.most, (width - count * LABEL.gap) / (count + chart.label));
      const narrow = font < LABEL.least;
      const room = narrow ? width - 14 : width - font * chart.label;
      const side = Math.min(chart.most * count, room);
      return { params: { narrow, labelSize: font }, size: { width: side, height: side } };
    }
    const across = Math.max(chart.least, Math.min(chart.most, width));
    const autosize = { type: chart.layout === "square" ? "fit" : "fit-x", contains: "padding" };
    const height = chart.layout === "square" ? { height: across } : {};
    return { params: { narrow: width < NARROW }, size: { width: across, autosize, ...height } };
  };

  // What the reader has chosen: the ids of the models that were found, and a scheme.
  const chosen = { wanted: [], shown: 0 };
  const drawn = [];
  const draw = async (chart) => {
    const place = document.getElementById(`chart-${chart.id}`);
    const { params: fitted, size } = sized(chart, place.clientWidth);
    const params = { ...fitted, ...chosen };
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
    drawn.push({ chart, result });
  };

  let width = 0;
  const drawAll = async () => {
    width = document.documentElement.clientWidth;
    for (const { result } of drawn.splice(0)) result.finalize();
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
  const choose = (change) => {
    Object.assign(chosen, change);
    for (const { chart, result } of drawn) {
      const known = Object.keys(change).filter((name) => chart.spec.params.some((param) => param.name === name));
      for (const name of known) result.view.signal(name, change[name]);
      if (known.length) result.view.runAsync();
    }
  };
  // Every place to look for a model says the same: one search for the whole page.
  const makeSearchable = (controls) => {
    const [body] = document.getElementById("all-ranks").tBodies;
    const inputs = controls.map((one) => one.querySelector("input"));
    const search = (event) => {
      const sought = event.target.value.trim().toLowerCase();
      const found = [];
      for (const row of body.rows) {
        const [name, id] = [row.cells[0].textContent.trim(), row.cells[1].textContent.trim()];
        // As a table has it, and as a chart tells models of one name apart.
        row.hidden = !`${name} ${id}\n${name} · id ${id}`.toLowerCase().includes(sought);
        if (!row.hidden) found.push(id);
      }
      for (const input of inputs) if (input !== event.target) input.value = event.target.value;
      for (const one of controls) one.querySelector("[role=status]").textContent = sought ? `${found.length} found` : "";
      choose({ wanted: sought ? found : [] });
    };
    for (const one of controls) {
      one.hidden = false;
      one.querySelector("input").addEventListener("input", search);
      one.querySelector("select")?.addEventListener("change", (event) => choose({ shown: Number(event.target.value) }));
    }
  };
  document.querySelectorAll("table[data-sortable]").forEach(makeSortable);
  const controls = [...document.querySelectorAll(".controls")];
  if (controls.length) makeSearchable(controls);

  drawAll();
  let waiting = 0;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    if (document.documentElement.clientWidth !== width) waiting = setTimeout(drawAll, 200);
  });
  addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });
})();
