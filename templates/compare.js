"use strict";
(() => {
  const { byId, page, charts, redraw, titled, fill, remember, asked, signed } = window.brainalign;
  const selects = ["model-first", "model-second"].map(byId);
  const said = byId("two-said");
  const records = new Map();
  const recordOf = async (id) => {
    if (!records.has(id)) {
      const answer = await fetch(`models/${id}.json`);
      if (!answer.ok) throw new Error(`models/${id}.json: ${answer.status}`);
      records.set(id, await answer.json());
    }
    return records.get(id);
  };
  // Distribution function of the standard normal, by its series (Marsaglia 2004).
  const ndtr = (x) => {
    if (Math.abs(x) > 8) return x > 0 ? 1 : 0;
    let [sum, term, before] = [x, x, 0];
    for (let k = 3; sum !== before; k += 2) {
      before = sum;
      term *= (x * x) / k;
      sum += term;
    }
    return 0.5 + sum * Math.exp(-0.5 * x * x - 0.91893853320467274178);
  };
  const names = new Map(page.choices.map(([id, name]) => [String(id), name]));
  const mean = (values) => (values.length ? values.reduce((a, b) => a + b, 0) / values.length : null);
  const rounded = (value, digits) => (value === null ? null : Math.round(value * 10 ** digits) / 10 ** digits);

  const answer = (two, titles) => {
    const places = two.map((one, k) => `${titles[k]}: ${one.official.rank === null ? "no official rank" : `official rank ${one.official.rank}`}`);
    const [a, b] = two.map((one) => one.universe);
    if (!a || !b) return `${places.join("; ")}. No probability of one above the other: a model without half of the weight has no universe score.`;
    const spread = Math.hypot(a.sd, b.sd);
    const above = two[0].id === two[1].id ? 0.5 : spread > 0 ? ndtr((a.score - b.score) / spread) : a.score === b.score ? 0.5 : Number(a.score > b.score);
    const shown = above > 0.9995 ? "more than 0.999" : above < 0.0005 ? "less than 0.001" : above.toFixed(3);
    byId("answer").dataset.above = above;
    const apart = Math.max(above, 1 - above) >= 0.975 ? "they are told apart" : "they are not told apart";
    return `${titles[0]} is above ${titles[1]} with a probability of ${shown} by universe score: ${apart}. ${places.join("; ")}.`;
  };
  const profiles = (two, titles) => {
    const regions = [...new Set(two[0].scores.map((row) => row.region))];
    const means = two.map((one) => regions.map((region) => mean(one.scores.filter((row) => row.region === region && row.percentile !== null).map((row) => row.percentile))));
    const wins = titles.map((_, k) => regions.filter((_region, r) => means[0][r] !== null && means[1][r] !== null && means[k][r] > means[1 - k][r]));
    const both = two[0].scores.map((row, j) => [row, two[1].scores[j]]).filter(([a, b]) => a.score !== null && b.score !== null);
    const ahead = both.filter(([a, b]) => a.score > b.score).length;
    const behind = both.filter(([a, b]) => a.score < b.score).length;
    const won = titles.map((title, k) => (wins[k].length ? `${title} wins in ${wins[k].join(", ")}` : "")).filter(Boolean);
    const text = `${both.length ? `${titles[0]} is ahead on ${ahead} and behind on ${behind} of ${both.length} benchmarks that both have` : "They have no benchmark in common"}${won.length ? `; by mean percentile ${won.join(", ")}` : ""}.`;
    const chart = charts.get("profile");
    const table = chart.tables.rows;
    chart.tables = { rows: { ...table, value: means[0].map((x) => rounded(x, 2)), reference: means[1].map((x) => rounded(x, 2)) } };
    both.sort(([a, b], [c, d]) => Math.abs(d.percentile - c.percentile) - Math.abs(b.percentile - a.percentile));
    fill("both", both.map(([a, b]) => [a.benchmark, a.region, a.score.toFixed(3), b.score.toFixed(3), signed(a.percentile - b.percentile, 0)]));
    return text;
  };
  const histories = (two, titles) => {
    const days = [...new Set(two.flatMap((one) => one.history.map(({ as_of }) => as_of.slice(0, 10))))].sort();
    const points = { time: [], curve: [], value: [], low: [], high: [] };
    two.forEach((one, k) => {
      for (const { as_of, rank } of one.history) {
        for (const [name, value] of Object.entries({ time: as_of.slice(0, 10), curve: titles[k], value: rank, low: null, high: null })) points[name].push(value);
      }
    });
    charts.get("rank").tables = { points };
    const moves = two.flatMap((one, k) => one.moves.map((move) => [move.later.slice(0, 10), titles[k], `${move.before} \u2192 ${move.after}`, move.reason, move.places === null ? "\u2013" : Math.abs(move.places).toFixed(0)]));
    moves.sort(([a], [b]) => (a < b ? 1 : Number(a > b) * -1));
    fill("moves", moves);
    // A header without a row says nothing.
    for (const one of [byId("moves-title"), byId("moves").parentElement]) one.hidden = !moves.length;
    const higher = (k) => days.filter((day) => {
      const [a, b] = two.map((one) => one.history.find(({ as_of }) => as_of.slice(0, 10) === day)?.rank ?? null);
      return a !== null && b !== null && (k ? b < a : a < b);
    }).length;
    return `Of ${days.length} ${days.length === 1 ? "board" : "boards"} ${titles[0]} stood higher on ${higher(0)}, ${titles[1]} on ${higher(1)}; ${moves.length} ${moves.length === 1 ? "move" : "moves"} together.`;
  };
  let named = page.named;
  const show = async () => {
    const ids = selects.map((select) => select.value);
    remember("models", ids.join(","));
    let two;
    try {
      two = await Promise.all(ids.map(recordOf));
    } catch (fault) {
      said.textContent = `The records of these models cannot be read (${fault.message}); load the page again.`;
      return;
    }
    said.textContent = "";
    if (ids.some((id, k) => id !== selects[k].value)) return;
    const titles = ids.map((id, k) => (ids[0] === ids[1] && k ? `${names.get(id)} ` : names.get(id)));
    byId("answer").textContent = answer(two, titles);
    for (const [section, chart, text] of [["profile", "profile", profiles(two, titles)], ["history", "rank", histories(two, titles)]]) {
      document.querySelector(`#${section} .says`).textContent = text;
      const one = charts.get(chart);
      one.spec = titled(one.spec, named, titles);
      Object.assign(one, { title: text, alt: `${chart === "rank" ? "Two lines over time, small ranks at the top" : "Dots, one row a region, filled and hollow"}. ${text}` });
      redraw(chart);
    }
    named = titles;
  };
  const wanted = (asked("models") ?? "").split(",").filter((id) => names.has(id));
  const first = [...names.keys()];
  const chosen = [wanted[0] ?? first[0], wanted[1] ?? first.find((id) => id !== (wanted[0] ?? first[0])) ?? first[0]];
  selects.forEach((select, k) => {
    select.append(...page.choices.map(([id, name]) => new Option(name, id, false, String(id) === chosen[k])));
    select.addEventListener("change", show);
  });
  byId("two").hidden = false;
  show();
})();
