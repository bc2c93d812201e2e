"use strict";
(() => {
  const page = JSON.parse(document.getElementById("page").textContent);
  const byId = (id) => document.getElementById(id);
  // An element with its properties and content. Text goes in as text: a model may be called anything.
  const make = (tag, properties, ...content) => {
    const one = Object.assign(document.createElement(tag), properties);
    one.append(...content);
    return one;
  };
  const makeButton = (text, onClick, properties = {}) => {
    const button = make("button", { type: "button", ...properties }, ...[text].flat());
    button.addEventListener("click", onClick);
    return button;
  };
  const charts = new Map(page.charts.map((chart) => [chart.id, chart]));
  // A column of texts that repeat comes as the texts and their places.
  for (const { tables } of [...page.charts, ...Object.values(page.series ?? {})])
    for (const table of Object.values(tables))
      for (const [name, { texts, places }] of Object.entries(table))
        if (texts) table[name] = places.map((place) => texts[place]);

  // Choices stand in the address, where the browser lets a page change it.
  const asked = (name) => new URLSearchParams(location.search).get(name);
  const withChoice = (address, name, value) => {
    const changed = new URL(address);
    if (value) changed.searchParams.set(name, value);
    else changed.searchParams.delete(name);
    return changed.href;
  };
  const remember = (name, value) => {
    try {
      const address = withChoice(location.href, name, value);
      if (address !== location.href) history.replaceState(null, "", address);
    } catch { /* a file has no address of its own to change */ }
  };

  // Tables come as columns, because names of fields repeated in every row would double the page.
  const rowsOf = (columns) => {
    const names = Object.keys(columns);
    const length = names.length ? columns[names[0]].length : 0;
    return Array.from({ length }, (_, i) => Object.fromEntries(names.map((name) => [name, columns[name][i]])));
  };

  const tip = make("div", { className: "tip", hidden: true, role: "status" });
  document.body.append(tip);
  const showTip = (_handler, event, _item, value) => {
    if (value === null || value === undefined || value === "") {
      tip.hidden = true;
      return;
    }
    const lines = Object.entries(value).flatMap(([term, text]) => [make("b", {}, term), make("bdi", {}, text ?? "")]);
    tip.replaceChildren(make("div", {}, ...lines));
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = event.clientX + 14 + box.width > innerWidth ? event.clientX - 14 - box.width : event.clientX + 14;
    const top = event.clientY + 14 + box.height > innerHeight ? event.clientY - 14 - box.height : event.clientY + 14;
    tip.style.left = `${Math.max(4, left)}px`;
    tip.style.top = `${Math.max(4, top)}px`;
  };

  const NARROW = 420;
  // Height of a row, as in the charts of rows (plot.rows).
  const ROW = 17;
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

  // Ids of the models that a reader follows on every chart and table.
  const followed = [];
  const drawn = new Map();
  let brushed = () => {};
  const draw = async (chart) => {
    const place = byId(`chart-${chart.id}`);
    const { params: fitted, size } = sized(chart, place.parentElement.clientWidth);
    const params = { ...fitted, followed: [...followed] };
    const spec = { ...chart.spec, ...size };
    spec.params = (spec.params ?? []).map((param) => (param.name in params ? { ...param, value: params[param.name] } : param));
    spec.datasets = Object.fromEntries(Object.entries(chart.tables).map(([name, table]) => [name, rowsOf(table)]));
    const font = getComputedStyle(byId("chart-font") ?? document.querySelector("footer")).fontFamily;
    drawn.get(chart.id)?.finalize();
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
    drawn.set(chart.id, result);
    place.style.minHeight = "";
    // The chart's place is described as a whole; groups of marks without a name would only be noise.
    const svg = place.querySelector("svg");
    svg.setAttribute("aria-hidden", "true");
    for (const one of [svg, ...svg.querySelectorAll("[role]")]) one.removeAttribute("role");
    // Vega describes every chart by the same two words.
    place.removeAttribute("aria-roledescription");
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", chart.alt);
    // A chart wider than its place is scrolled by keyboard as well.
    place.parentElement.toggleAttribute("tabindex", place.parentElement.scrollWidth > place.parentElement.clientWidth);
    if (chart.id === "time") brushed(result.view);
    if (chart.id === "matrix") result.view.addEventListener("click", (_event, item) => choosePair(item?.datum));
  };

  // A chart is drawn when it comes near the view: after the page was read, and one a task, so that a click is answered
  // between two.
  const waiting = new Set();
  const idle = window.requestIdleCallback ?? ((done) => setTimeout(done, 50));
  let working = false;
  const drawNext = async (id) => {
    // A chart that cannot be drawn must not keep the others from it.
    try { if (waiting.delete(id)) await draw(charts.get(id)); } catch (fault) { console.error(fault); }
  };
  const drawSoon = async (...ids) => {
    for (const id of ids) waiting.add(id);
    if (working) return;
    working = true;
    for (const id of waiting) {
      await new Promise((done) => idle(done, { timeout: 300 }));
      await drawNext(id);
    }
    working = false;
  };
  const near = new IntersectionObserver(
    (places) => {
      const shown = places.filter((place) => place.isIntersecting).map((place) => place.target.id.slice("chart-".length));
      drawSoon(...shown.filter((id) => !drawn.has(id)));
    },
    { rootMargin: "50%" },
  );
  addEventListener("DOMContentLoaded", () => {
    for (const chart of page.charts) {
      const place = byId(`chart-${chart.id}`);
      // Its room is kept free, so that the text below stays in its place.
      const { size } = sized(chart, place.parentElement.clientWidth);
      place.style.minHeight = `${size.height ?? chart.spec.height ?? 0}px`;
      near.observe(place);
    }
  });
  addEventListener("beforeprint", async () => {
    for (const id of charts.keys()) if (!drawn.has(id)) waiting.add(id);
    for (const id of waiting) await drawNext(id);
  });

  // --- files ------------------------------------------------------------------------------------------------------
  const save = (name, type, text) => {
    const link = make("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  const cell = (value) => {
    // A cell that a spreadsheet would take for a formula begins with an apostrophe.
    const text = value === null ? "" : String(value);
    const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const csv = (chart) => {
    const [table] = Object.values(chart.tables);
    const names = Object.keys(table);
    return [names.join(","), ...rowsOf(table).map((row) => names.map((name) => cell(row[name])).join(","))].join("\r\n");
  };
  const svg = async (chart) => {
    const styles = getComputedStyle(document.documentElement);
    if (!drawn.has(chart.id)) await draw(chart);
    const text = await drawn.get(chart.id).view.toSVG();
    return text.replace(/var\((--[\w-]+)\)/g, (_use, name) => styles.getPropertyValue(name).trim());
  };
  const png = async (chart) => {
    const image = new Image();
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(await svg(chart))}`;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [2 * image.width, 2 * image.height];
    const brush = canvas.getContext("2d");
    brush.fillStyle = getComputedStyle(document.body).backgroundColor;
    brush.fillRect(0, 0, canvas.width, canvas.height);
    brush.drawImage(image, 0, 0, canvas.width, canvas.height);
    return new Promise((done) => { canvas.toBlob(done); });
  };
  for (const [kind, type, made] of [["csv", "text/csv", csv], ["svg", "image/svg+xml", svg], ["png", "image/png", png]])
    for (const button of document.querySelectorAll(`[data-${kind}]`)) {
      const id = button.dataset[kind];
      button.addEventListener("click", async () => save(`${id}.${kind}`, type, await made(charts.get(id))));
    }

  // --- tables -----------------------------------------------------------------------------------------------------
  // A name has no spaces; it may break after its marks alone.
  const breakable = (name) => {
    const parts = name.textContent.split(/(?<=[-_:/])(?<!\b\d{4}-)(?=\w)|(?<=\.)(?=[A-Za-z])/);
    name.replaceChildren(...parts.flatMap((part) => [part, make("wbr")]));
  };
  document.querySelectorAll("main bdi").forEach(breakable);
  const numeric = (text) => {
    const plain = text.replace(/[,\u202f%×]/g, "").replace("\u2212", "-").replace(/^[↑↓] /, "");
    return plain === "" || Number.isNaN(Number.parseFloat(plain)) ? null : Number.parseFloat(plain);
  };
  const compare = (one, other) => {
    const [a, b] = [numeric(one), numeric(other)];
    if (a !== null && b !== null) return a - b;
    if (a !== null || b !== null) return a === null ? 1 : -1;
    return one < other ? -1 : Number(one > other);
  };
  const expanded = new Set();
  let panel = "all";
  const show = (table) => {
    const most = expanded.has(table.id) ? Infinity : Number(table.dataset.shown);
    let shown = 0;
    for (const row of table.tBodies[0].rows) {
      const inside = !row.dataset.panels || row.dataset.panels.split(" ").includes(panel);
      row.hidden = !inside || shown >= most;
      shown += inside && !row.hidden;
    }
  };
  const sortable = (table) => {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, k) => {
      const sort = () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const body = table.tBodies[0];
        const lines = [...body.rows].map((row) => [row.cells[k]?.textContent.trim() ?? "", row]);
        lines.sort(([a], [b]) => (up ? compare(a, b) : compare(b, a)));
        body.append(...lines.map(([, row]) => row));
        show(table);
      };
      head.append(makeButton([...head.childNodes], sort));
    });
  };
  document.querySelectorAll("table[data-shown]").forEach(sortable);
  document.querySelectorAll("button[data-table]").forEach((button) => {
    const table = byId(button.dataset.table);
    const label = button.textContent;
    button.addEventListener("click", () => {
      const open = !expanded.delete(table.id) && Boolean(expanded.add(table.id));
      button.setAttribute("aria-expanded", open);
      button.textContent = open ? "Show fewer" : label;
      show(table);
    });
  });
  const panels = byId("panels");
  if (panels) {
    panels.hidden = false;
    const switched = (input) => {
      panel = input.value;
      remember("panel", input.defaultChecked ? "" : panel);
      panels.querySelector("[role=status]").textContent = page.panels[panel];
      for (const table of document.querySelectorAll("table[data-shown]")) show(table);
    };
    panels.addEventListener("change", (event) => switched(event.target));
    const wanted = [...panels.querySelectorAll("input")].find(({ value }) => value === asked("panel"));
    if (wanted) {
      wanted.checked = true;
      switched(wanted);
    }
  }

  // Ranks under one scheme in the place of the range over all.
  const scheme = byId("scheme");
  if (scheme && page.schemes?.length) {
    scheme.closest("p").hidden = false;
    const table = byId("all-models");
    const head = [...table.tHead.rows[0].cells].find((one) => one.textContent === "range");
    const rows = [...table.tBodies[0].rows].filter((row) => row.dataset.panels.split(" ").includes("poster"));
    const ranges = rows.map((row) => row.cells[head.cellIndex].textContent);
    const rankUnder = () => {
      const chosen = page.schemes[scheme.value];
      head.querySelector("button").textContent = chosen ? "rank under it" : "range";
      head.removeAttribute("aria-sort");
      rows.forEach((row, at) => {
        row.cells[head.cellIndex].textContent = chosen ? chosen[2][at] ?? "–" : ranges[at];
      });
      remember("scheme", chosen?.[0] ?? "");
    };
    page.schemes.forEach(([name, words], at) => scheme.add(new Option(words, at, false, name === asked("scheme"))));
    scheme.addEventListener("change", rankUnder);
    if (scheme.value) rankUnder();
  }

  // --- models -----------------------------------------------------------------------------------------------------
  const named = new Map((page.models ?? []).map(([id, name, text, href]) => [id, { name, text, href }]));
  const bar = byId("followed");
  const follow = (id, on) => {
    if (!bar) return;
    const at = followed.indexOf(id);
    if (on && at < 0) followed.push(id);
    if (!on && at >= 0) followed.splice(at, 1);
    for (const [name, result] of drawn) {
      if (charts.get(name).spec.params?.some((param) => param.name === "followed"))
        result.view.signal("followed", [...followed]).runAsync();
    }
    for (const row of document.querySelectorAll("tr[data-model]"))
      row.classList.toggle("followed", followed.includes(row.dataset.model));
    bar.hidden = !followed.length;
    bar.querySelector(".names").replaceChildren(
      ...followed.map((one) => {
        const name = named.get(one)?.name ?? one;
        return makeButton(`${name} ×`, () => follow(one, false), { ariaLabel: `Stop following ${name}` });
      }),
    );
    remember("model", followed.join(","));
    // On other pages they are followed as well.
    for (const link of document.querySelectorAll("a[href]")) {
      if (link.origin !== location.origin || !link.pathname.endsWith(".html")) continue;
      const address = withChoice(link.href, "model", followed.join(","));
      if (address !== link.href) link.href = address;
    }
  };
  const switchFollowed = (id) => () => follow(id, !followed.includes(id));
  const MOST_HITS = 6;
  const find = byId("find");
  if (find) {
    find.hidden = false;
    const said = byId("find-said");
    const hits = byId("find-hits");
    find.querySelector("input").addEventListener("input", (event) => {
      const sought = event.target.value.trim().toLowerCase();
      const found = sought
        ? [...named].filter(([id, { name }]) => id === sought || name.toLowerCase().includes(sought))
        : [];
      const exact = ([id, { name }]) => id === sought || name.toLowerCase() === sought;
      found.sort((one, other) => exact(other) - exact(one));
      said.textContent = !sought ? "" : found.length === 1 ? `${found[0][1].name}: ${found[0][1].text}` : `${found.length} found`;
      hits.replaceChildren(
        ...found.slice(0, MOST_HITS).map(([id, { name, text, href }]) => {
          const button = makeButton(href ? "follow" : name, switchFollowed(id), { title: "Follow on every chart" });
          return href ? make("li", {}, make("a", { href }, name), `: ${text} `, button, " ") : make("li", {}, button, ` ${text}`);
        }),
      );
    });
  }
  for (const id of (asked("model") ?? "").split(",").filter((one) => page.models ? named.has(one) : /^-?\d+$/.test(one)))
    follow(id, true);
  // A page of the site knows the names of no models but its own.
  if (followed.length && !page.models)
    fetch(`${document.body.dataset.root}latest/models.json`)
      .then((answer) => answer.json())
      .then((models) => {
        for (const [id, name] of models) named.set(String(id), { name });
        for (const id of [...followed]) follow(id, named.has(id));
      })
      .catch(() => {});
  const followButton = (id, ...nodes) => {
    const button = makeButton(nodes, switchFollowed(id));
    button.title = button.textContent.trim();
    return button;
  };
  for (const row of document.querySelectorAll("tr[data-model] th:not(:has(a))"))
    row.append(followButton(row.parentElement.dataset.model, ...row.childNodes));

  // --- a pair of benchmarks ----------------------------------------------------------------------------------------
  const pairs = page.pairs ?? {};
  const signed = (value, digits = 2) => value.toFixed(digits).replace("-", "\u2212");
  const half = (i, j, m) => {
    const [a, b] = i < j ? [i, j] : [j, i];
    return a * m - (a * (a + 1)) / 2 + b - a - 1;
  };
  const redraw = (id) => {
    byId(`caption-${id}`).textContent = charts.get(id).title;
    byId(`chart-${id}`).setAttribute("aria-label", charts.get(id).alt);
    if (drawn.has(id)) drawSoon(id);
  };
  // Names of axes and curves are text in titles and domains alone, so that no name becomes an expression.
  const titled = (value, before, after, within = false) => {
    if (typeof value === "string") {
      if (!within) return value;
      // Through a mark that no text has, because one name may hold the other.
      const marked = before.reduce((text, name, k) => text.replaceAll(name, `\0${k}\0`), value);
      return after.reduce((text, name, k) => text.replaceAll(`\0${k}\0`, () => name), marked);
    }
    if (Array.isArray(value)) return value.map((one) => titled(one, before, after, within));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, titled(one, before, after, within || key === "title" || key === "domain")]));
  };
  let pair = pairs.chosen;
  const asPair = (asked("pair") ?? "").split(",").map(Number);
  if (asPair.length === 2 && asPair[0] !== asPair[1] && asPair.every((k) => pairs.labels?.[k] !== undefined)) pair = asPair;
  const showPair = () => {
    const [i, j] = pair;
    const m = pairs.labels.length;
    const at = half(i, j, m);
    const chart = charts.get("pair");
    const before = chart.axes ?? pairs.chosen.map((k) => pairs.labels[k]);
    chart.axes = [pairs.labels[i], pairs.labels[j]];
    chart.spec = titled(chart.spec, before, chart.axes);
    chart.tables = { points: { name: pairs.names, id: pairs.ids, x: pairs.scores[i], y: pairs.scores[j] } };
    const words = [];
    if (pairs.all[at] !== null) words.push(`${signed(pairs.all[at])} over ${pairs.n[at]} models that have both`);
    if (pairs.before?.[at] != null) words.push(`${signed(pairs.before[at])} on ${pairs.day}`);
    const rho = pairs.rho[at] === null ? "unknown" : signed(pairs.rho[at]);
    chart.title = `${chart.axes[0]} and ${chart.axes[1]}: ρ = ${rho}${words.length ? `; ${words.join(", ")}` : ""}.`;
    chart.alt = `Scatter, a point a model: ${chart.title}`;
    if (pair !== pairs.chosen) remember("pair", pair.join(","));
    byId("pair-first").value = i;
    byId("pair-second").value = j;
    redraw("pair");
  };
  const choosePair = (datum) => {
    if (datum?.i === undefined || datum.i === datum.j || !charts.has("pair")) return;
    pair = [pairs.order[datum.i], pairs.order[datum.j]];
    showPair();
  };
  if (charts.has("pair") && pairs.labels) {
    byId("pair-choice").hidden = false;
    ["pair-first", "pair-second"].forEach((id, k) => {
      const select = byId(id);
      select.append(...pairs.labels.map((label, n) => new Option(label, n, false, n === pair[k])));
      select.addEventListener("change", () => {
        const chosen = [...pair];
        chosen[k] = Number(select.value);
        if (chosen[0] === chosen[1]) chosen[1 - k] = pair[k];
        pair = chosen;
        showPair();
      });
    });
    showPair();
  }

  // --- figures over time -------------------------------------------------------------------------------------------
  const series = page.series ?? {};
  if (charts.has("time") && Object.keys(series).length) {
    byId("time-choice").hidden = false;
    const [figure, from, to] = ["time-figure", "time-from", "time-to"].map(byId);
    figure.append(...Object.entries(series).map(([name, one]) => new Option(one.label, name)));
    const days = [...new Set(charts.get("time").tables.points.time)];
    from.append(...days.map((day) => new Option(day)));
    to.append(...days.map((day, n) => new Option(day, day, false, n === days.length - 1)));
    const within = (table) => {
      const kept = table.time.map((day, n) => [day, n]).filter(([day]) => day >= from.value && day <= to.value);
      return Object.fromEntries(Object.entries(table).map(([name, column]) => [name, kept.map(([, n]) => column[n])]));
    };
    const showTime = () => {
      const chosen = series[figure.value];
      remember("figure", figure.selectedIndex ? figure.value : "");
      remember("from", from.selectedIndex ? from.value : "");
      remember("to", to.selectedIndex < days.length - 1 ? to.value : "");
      const tables = Object.fromEntries(Object.entries(chosen.tables).map(([name, table]) => [name, within(table)]));
      Object.assign(charts.get("time"), { spec: chosen.spec, tables, title: chosen.title });
      redraw("time");
    };
    for (const one of [figure, from, to]) one.addEventListener("change", showTime);
    // A span that is drawn over the chart becomes its ends; a double click shows all again.
    let span = null;
    brushed = (view) => view.addSignalListener("brush", (_name, value) => { span = value.time ?? null; });
    const place = byId("chart-time");
    addEventListener("pointerup", () => {
      if (!span) return;
      const inside = days.filter((day) => Date.parse(day) >= span[0] && Date.parse(day) <= span[1]);
      span = null;
      if (!inside.length) return;
      [from.value, to.value] = [inside[0], inside.at(-1)];
      showTime();
    });
    place.addEventListener("dblclick", () => {
      [from.value, to.value] = [days[0], days.at(-1)];
      showTime();
    });
    for (const [name, select] of [["figure", figure], ["from", from], ["to", to]])
      if ([...select.options].some(({ value }) => value === asked(name))) select.value = asked(name);
    if (figure.selectedIndex || from.selectedIndex || to.selectedIndex < days.length - 1) showTime();
  }

  // Rows of a table that a script computes, as texts.
  const fill = (id, rows, ids = []) => {
    const table = byId(id);
    const kinds = [...table.tHead.rows[0].cells].map((head) => head.className);
    table.tBodies[0].replaceChildren(
      ...rows.map((row, at) => {
        const line = make("tr");
        if (ids.length) line.dataset.model = ids[at];
        line.classList.toggle("followed", followed.includes(line.dataset.model));
        row.forEach((text, k) => {
          let shown = make("bdi", {}, text);
          if (kinds[k] === "name") {
            breakable(shown);
            shown = make("span", { className: "clip", title: text }, shown);
          }
          if (!k && ids.length) shown = followButton(String(ids[at]), shown);
          line.append(k ? make("td", { className: kinds[k] }, shown) : make("th", { scope: "row", className: kinds[k] }, shown));
        });
        return line;
      }),
    );
    show(table);
    const more = document.querySelector(`button[data-table="${id}"]`)?.parentElement;
    if (more) more.hidden = rows.length <= Number(table.dataset.shown);
  };
  // A chart of rows with other rows than it was published with.
  const resized = (id, columns, title) => {
    const chart = charts.get(id);
    const count = columns.label.length;
    const nothing = Array(count).fill(null);
    chart.tables = { rows: { at: [...nothing.keys()], low: nothing, high: nothing, group: nothing, ...columns } };
    const known = [...columns.value, ...columns.reference].filter((value) => value !== null);
    const [low, high] = known.length ? [Math.min(...known), Math.max(...known)] : [0, 1];
    const spec = structuredClone(chart.spec);
    for (const { encoding } of spec.layer) {
      if (encoding.x?.scale) encoding.x.scale.domain = high > low ? [low, high] : [low - 0.5, high + 0.5];
      if (encoding.y?.scale) encoding.y.scale.domain = [...nothing.keys()];
    }
    spec.height = ROW * count;
    Object.assign(chart, { spec, title, alt: `${chart.alt.split(".")[0]}. ${title}` });
    redraw(id);
  };
  window.brainalign = { byId, page, charts, redraw, titled, fill, make, remember, asked, signed, resized };

  let later = 0;
  let width = document.documentElement.clientWidth;
  addEventListener("resize", () => {
    clearTimeout(later);
    if (document.documentElement.clientWidth === width) return;
    width = document.documentElement.clientWidth;
    later = setTimeout(() => drawSoon(...drawn.keys()), 200);
  });
  addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });
})();
