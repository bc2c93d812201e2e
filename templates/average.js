"use strict";
(async () => {
  const { byId, fill, make, remember, asked, resized, signed } = window.brainalign;
  const said = byId("own-said");
  let board;
  try {
    const answer = await fetch("latest/board.json");
    if (!answer.ok) throw new Error(answer.status);
    board = await answer.json();
  } catch (fault) {
    said.textContent = `The scores cannot be read (${fault.message}); load the page again.`;
    return;
  }

  // --- numbers: the same as in Python within 1e-9 ----------------------------------------------------------------
  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const mean = (values) => sum(values) / values.length;
  const rounded = (value) => Math.round(value * 1e9) / 1e9;
  const covariance = (a, b) => {
    const [x, y] = [mean(a), mean(b)];
    return sum(a.map((value, i) => (value - x) * (b[i] - y))) / (a.length - 1);
  };
  // Average ranks from the bottom; NaN has none.
  const ranksOf = (values) => {
    const order = values.map((value, i) => [rounded(value), i]).filter(([value]) => !Number.isNaN(value)).sort(([a], [b]) => a - b);
    const ranks = values.map(() => NaN);
    for (let start = 0, end; start < order.length; start = end) {
      for (end = start; end < order.length && order[end][0] === order[start][0]; end++);
      for (let k = start; k < end; k++) ranks[order[k][1]] = (start + end + 1) / 2;
    }
    return ranks;
  };
  const places = (values) => {
    const sorted = values.map((value) => -rounded(value)).sort((a, b) => a - b);
    const first = new Map();
    sorted.forEach((value, k) => first.has(value) || first.set(value, k + 1));
    return values.map((value) => first.get(-rounded(value)));
  };
  // Inverse of the standard normal distribution: Wichura (1988), AS 241.
  const polynomial = (coefficients, r) => coefficients.reduceRight((total, one) => total * r + one, 0);
  const CENTRE = [
    [3.3871328727963666, 133.14166789178438, 1971.5909503065513, 13731.693765509461, 45921.95393154987, 67265.7709270087, 33430.57558358813, 2509.0809287301227],
    [1, 42.31333070160091, 687.1870074920579, 5394.196021424751, 21213.794301586597, 39307.89580009271, 28729.085735721943, 5226.495278852855],
  ];
  const TAIL = [
    [1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045, 1.2704582524523684, 0.2417807251774506, 0.022723844989269184, 7.745450142783414e-4],
    [1, 2.053191626637759, 1.6763848301838038, 0.6897673349851, 0.14810397642748008, 0.015198666563616457, 5.475938084995345e-4, 1.0507500716444169e-9],
  ];
  const quantile = (p) => {
    const q = p - 0.5;
    if (Math.abs(q) <= 0.425) {
      const r = 0.180625 - q * q;
      return (polynomial(CENTRE[0], r) / polynomial(CENTRE[1], r)) * q;
    }
    const r = Math.sqrt(-Math.log(q <= 0 ? p : 1 - p)) - 1.6;
    return (Math.sign(q) * polynomial(TAIL[0], r)) / polynomial(TAIL[1], r);
  };
  const scales = {
    score: (column) => column,
    z: (column) => {
      const known = column.filter((value) => !Number.isNaN(value));
      const flat = known.every((value) => rounded(value) === rounded(known[0]));
      const [centre, sd] = [mean(known), Math.sqrt(covariance(known, known))];
      return column.map((value) => (flat ? value * 0 : (value - centre) / sd));
    },
    rank: ranksOf,
    normal: (column) => {
      const known = column.filter((value) => !Number.isNaN(value)).length;
      return ranksOf(column).map((rank) => quantile(rank / (known + 1)));
    },
  };
  const filled = { zero: () => 0, attempted: (cell) => (cell === "X" ? 0 : NaN), skip: () => NaN, complete: () => NaN };

  // The tree of the chosen leaves; a flat mean has all of them below one root.
  const treeOf = (chosen, flat) => {
    const root = { children: [], groups: new Map(), mass: 0 };
    for (const leaf of chosen) {
      let node = root;
      for (const group of flat ? [] : board.leaves[leaf].path) {
        if (!node.groups.has(group)) {
          const below = { children: [], groups: new Map(), mass: 0 };
          node.groups.set(group, below);
          node.children.push(below);
        }
        node = node.groups.get(group);
      }
      node.children.push({ leaf, mass: 0 });
    }
    return root;
  };
  const weigh = (node, share, weights) => {
    if (node.leaf !== undefined) weights.set(node.leaf, share);
    else for (const child of node.children) weigh(child, share / node.children.length, weights);
  };
  const settle = (node, weights) => {
    node.mass = node.leaf !== undefined ? weights.get(node.leaf) : sum(node.children.map((child) => settle(child, weights)));
    return node.mass;
  };
  const average = (choice) => {
    const multiplier = (leaf) => (choice.region.get(leaf.region) ?? 1) * (choice.paper.get(leaf.paper) ?? 1);
    const isScore = (j, i) => typeof board.cells[j][i] === "number";
    const lacked = (j) => mean(board.models.map((_, i) => Number(!isScore(j, i))));
    const chosen = [...board.leaves.keys()].filter((j) => !choice.out.has(board.leaves[j].id) && (choice.missing !== "complete" || lacked(j) <= board.max_missing));
    const root = treeOf(chosen, choice.mean === "flat");
    const weights = new Map();
    weigh(root, 1, weights);
    for (const [j, weight] of weights) weights.set(j, weight * multiplier(board.leaves[j]));
    const total = sum([...weights.values()]);
    if (!(total > 0)) return null;
    for (const [j, weight] of weights) weights.set(j, weight / total);
    settle(root, weights);
    const used = chosen.filter((j) => weights.get(j) > 0);
    const rows = [...board.models.keys()].filter((i) => (choice.missing === "complete" ? used.every((j) => isScore(j, i)) : used.some((j) => isScore(j, i))));
    if (rows.length < 2) return null;
    const fillIn = filled[choice.missing];
    const scaled = new Map(used.map((j) => [j, scales[choice.scale](rows.map((i) => (isScore(j, i) ? board.cells[j][i] : fillIn(board.cells[j][i]))))]));
    // Parts of each model's average: its share of the weight times the scaled cell.
    const whole = used.every((j) => scaled.get(j).every((value) => !Number.isNaN(value)));
    const parts = new Map(used.map((j) => [j, whole ? scaled.get(j).map((value) => value * weights.get(j)) : rows.map(() => 0)]));
    const mark = (node, i) => {
      node.there = node.mass > 0 && (node.leaf !== undefined ? !Number.isNaN(scaled.get(node.leaf)[i]) : node.children.map((child) => mark(child, i)).some(Boolean));
      return node.there;
    };
    const spread = (node, share, i) => {
      if (node.leaf !== undefined) parts.get(node.leaf)[i] = share * scaled.get(node.leaf)[i];
      const there = (node.children ?? []).filter((child) => child.there);
      const mass = sum(there.map((child) => child.mass));
      for (const child of there) spread(child, (share * child.mass) / mass, i);
    };
    if (!whole) rows.forEach((_, i) => mark(root, i) && spread(root, 1, i));
    const scores = rows.map((_, i) => sum(used.map((j) => parts.get(j)[i])));
    const variance = covariance(scores, scores);
    const shares = new Map(used.map((j) => [j, variance > 1e-20 ? covariance(parts.get(j), scores) / variance : null]));
    return { rows, used, weights, scores, ranks: places(scores), shares, variance, reliability: whole ? reliability(used, weights, scaled, scores, variance) : undefined };
  };
  // Variance components of papers within strata, as `certainty_of` in Python.
  const reliability = (used, weights, scaled, scores, variance) => {
    if (scores.every((score) => rounded(score) === rounded(scores[0]))) return null;
    const units = new Map();
    for (const j of used) {
      const { stratum, paper } = board.leaves[j];
      const key = JSON.stringify([stratum, paper]);
      if (!units.has(key)) units.set(key, { stratum, leaves: [] });
      units.get(key).leaves.push(j);
    }
    const strata = new Map();
    for (const unit of units.values()) {
      unit.weight = sum(unit.leaves.map((j) => weights.get(j)));
      unit.means = scores.map((_, i) => sum(unit.leaves.map((j) => (scaled.get(j)[i] * weights.get(j)) / unit.weight)));
      strata.set(unit.stratum, [...(strata.get(unit.stratum) ?? []), unit]);
    }
    const values = new Map();
    const [pooled, alone] = [[], []];
    for (const [stratum, inside] of strata) {
      const own = mean(inside.map((unit) => covariance(unit.means, unit.means)));
      if (inside.length === 1) {
        alone.push([stratum, own]);
        continue;
      }
      const pairs = inside.flatMap((one, a) => inside.slice(a + 1).map((other) => covariance(one.means, other.means)));
      values.set(stratum, Math.max(own - mean(pairs), 0));
      if (own > 1e-20) pooled.push(values.get(stratum) / own);
    }
    if (!pooled.length) return null;
    for (const [stratum, own] of alone) values.set(stratum, mean(pooled) * own);
    // The stratum's weight squared times the sum of its units' squared shares is the sum of their squared weights.
    const error = sum([...strata].map(([stratum, inside]) => values.get(stratum) * sum(inside.map((unit) => unit.weight ** 2))));
    return Math.max(0, 1 - error / variance);
  };
  const reliable = (found, choice) => (found.reliability === undefined ? average({ ...choice, missing: "complete" })?.reliability ?? null : found.reliability);
  // From the official average of full precision, among the models that both rank.
  const distance = (found) => {
    const score = new Map(official?.rows.map((i, n) => [i, official.scores[n]]));
    const both = [...found.rows.keys()].filter((k) => score.has(found.rows[k]));
    if (both.length < 2) return { rho: null, places: null, up: new Map() };
    const pair = [both.map((k) => score.get(found.rows[k])), both.map((k) => found.scores[k])];
    const [a, b] = pair.map(ranksOf);
    const spread = Math.sqrt(covariance(a, a) * covariance(b, b));
    const [before, now] = pair.map(places);
    return { rho: spread > 0 ? covariance(a, b) / spread : null, places: mean(before.map((rank, n) => Math.abs(rank - now[n]))), up: new Map(both.map((k, n) => [k, before[n] - now[n]])) };
  };

  // --- choices, in the address ---------------------------------------------------------------------------------------
  const form = byId("choices");
  const groups = { region: [...new Set(board.leaves.map((leaf) => leaf.region))], paper: [...new Set(board.leaves.map((leaf) => leaf.paper))] };
  const inputs = { region: new Map(), paper: new Map(), leaf: new Map() };
  const labelled = (place, input, text) => {
    const name = make("bdi", {}, text);
    byId(place).append(make("label", {}, ...(input.type === "checkbox" ? [input, " ", name] : [name, " ", input])));
  };
  for (const kind of ["region", "paper"]) {
    for (const name of groups[kind]) {
      const input = make("input", { type: "number", min: "0", max: "100", step: "any", defaultValue: "1" });
      inputs[kind].set(name, input);
      labelled(`weights-${kind}`, input, name);
    }
  }
  for (const leaf of board.leaves) {
    const input = make("input", { type: "checkbox", defaultChecked: true });
    inputs.leaf.set(leaf.id, input);
    labelled("benchmarks-in", input, leaf.label);
  }
  const words = (name) => {
    try {
      const found = JSON.parse(asked(name) ?? "null");
      return found !== null && typeof found === "object" ? found : {};
    } catch { return {}; }
  };
  for (const name of ["scale", "mean", "missing"]) {
    const select = form.elements[name];
    if ([...select.options].some(({ value }) => value === asked(name))) select.value = asked(name);
  }
  for (const kind of ["region", "paper"]) {
    for (const [name, weight] of Object.entries(words(kind)))
      if (Number.isFinite(weight) && weight >= 0 && inputs[kind].has(name)) inputs[kind].get(name).value = weight;
  }
  for (const id of Object.values(words("out"))) if (inputs.leaf.has(id)) inputs.leaf.get(id).checked = false;
  const chosen = () => {
    const weight = (input) => (Number.isFinite(input.valueAsNumber) && input.valueAsNumber >= 0 ? Math.min(input.valueAsNumber, 100) : 1);
    const weights = (kind) => new Map([...inputs[kind]].map(([name, input]) => [name, weight(input)]));
    const [scale, how, missing] = ["scale", "mean", "missing"].map((name) => form.elements[name].value);
    return { scale, mean: how, missing, region: weights("region"), paper: weights("paper"), out: new Set([...inputs.leaf].filter(([, input]) => !input.checked).map(([id]) => id)) };
  };
  const keep = (choice) => {
    for (const name of ["scale", "mean", "missing"]) remember(name, form.elements[name].selectedIndex ? choice[name] : "");
    for (const kind of ["region", "paper"]) {
      const other = [...choice[kind]].filter(([, weight]) => weight !== 1);
      remember(kind, other.length ? JSON.stringify(Object.fromEntries(other)) : "");
    }
    remember("out", choice.out.size ? JSON.stringify([...choice.out]) : "");
  };

  // --- what it shows ------------------------------------------------------------------------------------------------
  const official = average({ scale: "score", mean: "tree", missing: "zero", region: new Map(), paper: new Map(), out: new Set() });
  const digits = (value, n = 3) => (value === null || value === undefined ? "unknown" : signed(value, n));
  const show = () => {
    const choice = chosen();
    keep(choice);
    byId("count-in").textContent = `${board.leaves.length - choice.out.size} of ${board.leaves.length} in`;
    const found = average(choice);
    window.brainalign.result = null;
    for (const section of document.querySelectorAll("main section")) section.hidden = !found;
    if (!found) {
      byId("answer").textContent = "";
      said.textContent = "This choice ranks fewer than two models; take benchmarks in, or give one a weight.";
      return;
    }
    said.textContent = "";
    const far = distance(found);
    const own = reliable(found, choice);
    window.brainalign.result = { ids: found.rows.map((i) => board.models[i][0]), scores: found.scores, ranks: found.ranks, shares: Object.fromEntries([...found.shares].map(([j, share]) => [board.leaves[j].id, share])), weights: Object.fromEntries(found.used.map((j) => [board.leaves[j].id, found.weights.get(j)])), reliability: own, rho: far.rho, places: far.places };
    const name = (i) => board.models[i][1];
    const order = [...found.rows.keys()].sort((a, b) => found.ranks[a] - found.ranks[b] || found.rows[a] - found.rows[b]);
    const first = order.length ? name(found.rows[order[0]]) : "";
    const before = official?.reliability ?? null;
    const change = own === null || before === null ? "" : ` (official rule: ${digits(before)}, a change of ${digits(own - before)})`;
    byId("answer").textContent = `It ranks ${found.rows.length} models, ${first} first; with the official ranks \u03c1 = ${digits(far.rho)}, a model moves ${digits(far.places, 1)} places on average. Reliability ${digits(own)}${change}.`;
    const unrounded = new Map(official?.rows.map((i, n) => [i, official.ranks[n]]));
    const officially = (k) => unrounded.get(found.rows[k]) ?? null;
    const top = order.slice(0, 20);
    const says = (section, text) => { document.querySelector(`#${section} .says`).textContent = text; return text; };
    const moved = order.filter((k) => far.up.get(k)).length;
    resized("ranks", { label: top.map((k) => name(found.rows[k])), id: top.map((k) => String(board.models[found.rows[k]][0])), value: top.map((k) => found.ranks[k]), reference: top.map(officially) },
      says("ranks", `${first} is first; ${moved} of ${found.rows.length} models stand elsewhere than officially.`));
    fill("own-ranks", order.map((k) => {
      const [title, rank] = [name(found.rows[k]), officially(k)];
      const have = found.used.filter((j) => typeof board.cells[j][found.rows[k]] === "number").length;
      const up = far.up.get(k);
      return [title, String(found.ranks[k]), rank === null ? "\u2013" : String(rank), up === undefined ? "\u2013" : signed(up, 0), digits(found.scores[k], 4), String(have)];
    }), order.map((k) => board.models[found.rows[k]][0]));
    const heavy = found.used.filter((j) => found.shares.get(j) !== null).sort((a, b) => found.shares.get(b) - found.shares.get(a)).slice(0, 15);
    const taken = 100 * sum(heavy.map((j) => found.shares.get(j)));
    resized("shares", { label: heavy.map((j) => board.leaves[j].label), id: heavy.map(() => null), value: heavy.map((j) => 100 * found.shares.get(j)), reference: heavy.map((j) => 100 * found.weights.get(j)) },
      says("shares", heavy.length ? `${heavy.length} of ${found.used.length} benchmarks take ${taken.toFixed(0)} % of the variance; most takes ${board.leaves[heavy[0]].label} with ${(100 * found.shares.get(heavy[0])).toFixed(1)} %.` : "All models have the same average."));
  };
  form.addEventListener("change", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(show));
  form.hidden = false;
  // The official average came first; a frame in between keeps the page responsive.
  requestAnimationFrame(() => setTimeout(show));
})();
