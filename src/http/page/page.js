"use strict";
// Data reaches the page as text and as attributes of shapes only; nothing here parses markup.

const POLL = 1000, SLOW_POLL = 5000, TIMEOUT = 5000, LONGEST_PAUSE = 10000, OLD_AFTER = 3500;
const $ = (id) => document.getElementById(id);
// Where the page is mounted, also if its address lacks the slash at the end.
const ROOT = location.pathname.replace(/\/*$/, "/");
document.querySelectorAll("footer a").forEach((link) => { link.href = ROOT + link.getAttribute("href"); });

// How figures are written.
const format = (digits) => new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const whole = format(0), one = format(1), two = format(2);
const NOTHING = "–";
const number = (value) => value == null ? NOTHING : whole.format(value);
const rate = (value) => value == null ? NOTHING : value === 0 ? "0" : (value < 10 ? two : one).format(value);
const ms = (value) => value == null ? NOTHING : (value < 10 ? two : one).format(value) + " ms";
function span(seconds) {
  if (seconds == null) return NOTHING;
  const s = Math.floor(seconds);
  if (s < 60) return s + " s";
  if (s < 3600) return Math.floor(s / 60) + " m";
  if (s < 86400) return Math.floor(s / 3600) + " h " + Math.floor(s % 3600 / 60) + " m";
  return Math.floor(s / 86400) + " d " + Math.floor(s % 86400 / 3600) + " h";
}
const ago = (seconds) => seconds == null ? "never" : seconds < 1 ? "now" : span(seconds) + " ago";
function bytes(value) {
  if (value == null) return NOTHING;
  return value < 1048576 ? one.format(value / 1024) + " KiB" : one.format(value / 1048576) + " MiB";
}

// Elements. What has not changed is left alone, so that 300 rows cost little.
function element(tag, properties, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (name in made) made[name] = value; else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}
function shape(tag, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const name in attributes) made.setAttribute(name, attributes[name]);
  return made;
}
function say(node, text) { if (node.textContent !== text) node.textContent = text; }
function set(node, name, value) { if (node.getAttribute(name) !== value) node.setAttribute(name, value); }
// A list of terms and what they are. The same terms keep their nodes.
function facts(list, pairs) {
  while (list.children.length > pairs.length) list.lastChild.remove();
  pairs.forEach(([term, value, kind], at) => {
    const row = list.children[at] || list.appendChild(element("div", {}, element("dt"), element("dd")));
    say(row.firstChild, term);
    say(row.lastChild, value);
    row.lastChild.className = kind || "";
  });
}

// The table.
const timed = (entry) => Object.entries(entry.processing_time || {});
// Of several timed events, the slowest.
function quantile(entry, name) {
  const found = timed(entry).map(([, time]) => time[name]).filter((value) => value != null);
  return found.length ? Math.max(...found) : null;
}
const failed = (entry) => entry.is_fallback === true || entry.status === "error" || entry.status === "timeout";
const known = (entry, value) => failed(entry) ? null : value;
// Name, how it is compared, how it is written, and whether it is a number.
const COLUMNS = [
  ["Service", (e) => e.service, null, false],
  ["Status", (e) => e.status, null, false],
  ["Events/s", (e) => known(e, e.events_per_second), rate, true],
  ["Last 60 s", (e) => known(e, e.events_per_second), null, false],
  ["Events/hour", (e) => known(e, e.events_per_hour), number, true],
  ["Total", (e) => known(e, e.total_events), number, true],
  ["Uptime", (e) => known(e, e.uptime_seconds), span, true],
  ["Last event", (e) => e.last_event_age_seconds, (age) => age == null ? NOTHING : ago(age), true],
  ["p50", (e) => quantile(e, "p50_ms"), ms, true],
  ["p99", (e) => quantile(e, "p99_ms"), ms, true],
  ["Type", (e) => e.service_type, (type) => type || NOTHING, false],
  ["Error", (e) => e.error_message || "", (text) => text || "", false],
];
const rows = new Map();
let sorted = { column: -1, up: true };

COLUMNS.forEach(([name, , , numeric], column) => {
  const head = element("th", { scope: "col", className: (numeric ? "n" : "") + (column === 0 ? " first" : "") });
  head.append(element("button", { type: "button", textContent: name, onclick: () => {
    // Names begin with A, figures with the largest; the second click turns that round.
    const up = sorted.column === column ? !sorted.up : !numeric && column !== 3;
    sorted = { column, up };
    [...$("heads").children].forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    table();
  } }));
  $("heads").append(head);
});

function row(name) {
  const link = element("a", { href: "#/service/" + encodeURIComponent(name), textContent: name });
  const cells = COLUMNS.map(([, , , numeric], column) => column === 0
    ? element("th", { scope: "row" }, link)
    : element("td", { className: numeric ? "n" : "" }));
  const line = shape("path", { d: "" });
  const spark = shape("svg", { class: "spark", viewBox: "0 0 58 20", preserveAspectRatio: "none", role: "img" });
  spark.append(line);
  cells[3].append(spark);
  cells[11].className = "wrap error";
  return { node: element("tr", {}, ...cells), cells, spark, line };
}

function draw({ spark, line }, series, name) {
  // Without the last second, which is not over.
  const values = (series || []).slice(0, -1);
  const most = Math.max(1, ...values);
  const path = values.map((value, x) => (x ? "L" : "M") + x + " " + (19 - 18 * value / most).toFixed(1)).join("");
  if (line.getAttribute("d") === path) return;
  line.setAttribute("d", path);
  spark.setAttribute("aria-label", name + ": at most " + number(values.length ? Math.max(...values) : 0) + " a second");
}

function matches(entry) {
  const status = $("status").value;
  if (status && status !== (failed(entry) ? "failed" : entry.status)) return false;
  const words = $("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const text = [entry.service, entry.service_type, entry.status, entry.error_message].join(" ").toLowerCase();
  return words.every((word) => text.includes(word));
}

function compare(a, b) {
  if (typeof a === "string" || typeof b === "string") return String(a).localeCompare(String(b), "en", { numeric: true });
  return a - b;
}

function table() {
  if (!last) return;
  const entries = last.api_metrics, there = new Set(entries.map((entry) => entry.service));
  for (const [name, { node }] of rows) if (!there.has(name)) { node.remove(); rows.delete(name); }
  let shown = entries.filter(matches);
  if (sorted.column >= 0) {
    const of = COLUMNS[sorted.column][1];
    // What there is not comes last, either way.
    const empty = (value) => value == null || value === "";
    shown = shown.map((entry) => [of(entry), entry]).sort(([a], [b]) =>
      empty(a) || empty(b) ? empty(a) - empty(b) : sorted.up ? compare(a, b) : compare(b, a)).map(([, entry]) => entry);
  }
  for (const entry of shown) {
    const name = entry.service;
    if (!rows.has(name)) rows.set(name, row(name));
    const known = rows.get(name);
    COLUMNS.forEach(([, value, write], column) => {
      if (write) say(known.cells[column], write(value(entry)));
    });
    const status = known.cells[1];
    say(status, entry.status);
    status.className = "status " + (failed(entry) ? "error" : entry.status);
    const times = timed(entry).map(([event]) => event).join(", ");
    if (times) set(known.cells[9], "title", "of " + times);
    draw(known, entry.per_second, name);
  }
  $("services").classList.toggle("no-errors", !entries.some((entry) => entry.error_message));
  const body = $("rows"), nodes = shown.map((entry) => rows.get(entry.service).node), kept = new Set(nodes);
  for (const node of [...body.children]) if (!kept.has(node)) node.remove();
  // Only what stands elsewhere is moved, so that the focus stays where it is.
  nodes.forEach((node, at) => { if (body.children[at] !== node) body.insertBefore(node, body.children[at] || null); });
  say($("shown"), shown.length === entries.length ? shown.length + " services" : shown.length + " of " + entries.length + " services");
}

function totals(document_) {
  say($("per-second"), rate(document_.events_per_second));
  say($("per-hour"), number(document_.events_per_hour));
  for (const [id, count] of [["active", document_.api_calls_active], ["inactive", document_.inactive_apis], ["failed", document_.error_apis]]) {
    say($(id), number(count));
    $(id).classList.toggle("zero", count === 0);
  }
  const time = new Date(document_.timestamp);
  set($("as-of"), "datetime", document_.timestamp);
  say($("as-of"), time.toLocaleTimeString("en-GB"));
  document.title = rate(document_.events_per_second) + "/s · tickring";
}

// A service.
const SCALES = [
  ["seconds", "last 60 s", "s", 60], ["minutes", "last 60 min", "min", 60],
  ["hours", "last 24 h", "h", 24], ["days", "last 30 d", "d", 30],
];
const charts = new Map();
let opened = null;

function chart(caption) {
  const bars = shape("path", { d: "" });
  const svg = shape("svg", { class: "chart", preserveAspectRatio: "none", role: "img" });
  svg.append(bars);
  const sum = element("span"), from = element("span"), node = element("figure", {},
    element("figcaption", {}, element("span", { textContent: caption }), sum), svg,
    element("div", { className: "axis", "aria-hidden": "true" }, from, element("span", { textContent: "now" })));
  return { node, svg, bars, sum, from };
}

// Bars of these counts, oldest first; null where nothing is known.
function bars(name, event, [key, caption, unit], series) {
  const id = event + "\n" + key;
  if (!charts.has(id)) {
    charts.set(id, chart(caption));
    $("events").querySelector('[data-event="' + CSS.escape(event) + '"] .charts').append(charts.get(id).node);
  }
  const { svg, bars, sum, from } = charts.get(id);
  const counts = series.filter((count) => count != null), most = Math.max(1, ...counts);
  const all = counts.reduce((a, b) => a + b, 0);
  const path = series.map((count, x) => count ? "M" + (x + .1) + " 100h.8V" + (100 - 98 * count / most).toFixed(1) + "h-.8z" : "").join("");
  set(svg, "viewBox", "0 0 " + series.length + " 100");
  set(bars, "d", path);
  const peak = counts.length ? number(Math.max(...counts)) + "/" + unit : NOTHING;
  say(sum, number(all) + ", at most " + peak);
  say(from, "−" + series.length + " " + unit);
  set(svg, "aria-label", event + ", " + caption + ": " + number(all) + " events, at most " + peak);
}

function event(name) {
  const node = element("div", { className: "event", "data-event": name },
    element("h3", { textContent: name }), element("dl", { className: "facts" }), element("div", { className: "charts" }));
  $("events").append(node);
  return node;
}

function detail() {
  const name = opened, entry = last && last.api_metrics.find((entry) => entry.service === name);
  if (name === null) return;
  say($("detail-title"), name);
  const error = !last || entry ? entry && entry.error_message : "There is no service of this name.";
  $("detail-error").hidden = !error;
  say($("detail-error"), error || "");
  if (entry) facts($("facts"), [
    ["status", entry.status, "status " + (failed(entry) ? "error" : entry.status)],
    ["type", entry.service_type || NOTHING], ["port", entry.port == null ? NOTHING : String(entry.port)],
    ["events/s", rate(known(entry, entry.events_per_second))], ["events/hour", number(known(entry, entry.events_per_hour))],
    ["total", number(known(entry, entry.total_events))], ["peak of a second", number(known(entry, entry.peak_events_per_second))],
    ["uptime", span(known(entry, entry.uptime_seconds))], ["last event", ago(entry.last_event_age_seconds)],
  ]);
  if (!figures || figures.service !== name || !figures.events) return;
  for (const [event_, of] of Object.entries(figures.events)) {
    const node = $("events").querySelector('[data-event="' + CSS.escape(event_) + '"]') || event(event_);
    const time = of.processing_time, pairs = [
      ["total", number(of.total)], ["last minute", number(of.events_in_window)], ["events/s", rate(of.events_per_second)],
    ];
    if (time) pairs.push(["with duration", number(time.count)], ["mean", ms(time.mean_ms)], ["min", ms(time.min_ms)],
      ["p50", ms(time.p50_ms)], ["p90", ms(time.p90_ms)], ["p99", ms(time.p99_ms)], ["p99.9", ms(time.p999_ms)], ["max", ms(time.max_ms)]);
    facts(node.querySelector("dl"), pairs);
    if (of.per_second) bars(name, event_, SCALES[0], of.per_second);
    const before = past && past.service === name && past.events[event_];
    if (before) for (const scale of SCALES.slice(1)) if (before[scale[0]]) bars(name, event_, scale, before[scale[0]]);
  }
}

// Rejected input, and the server.
const MEANING = {
  unknown_service: "The name before the first dot is no service here.",
  unknown_event: "The service has no event of this name, or it can't be recorded.",
  unsupported_type: "A gauge, a set or another kind that is not counted.",
  malformed: "It can't be read as a StatsD line.",
  negative: "Its value is below zero: events can't be taken back.",
  too_long: "It is longer than the buffer it is read into.",
  over_cap: "A new name, and as many as may be are registered.",
  kernel_drop: "The receive buffer was full, so the kernel dropped the datagram.",
  untimed: "A duration of an event that isn't timed. The event counts; its duration isn't kept.",
  ignored: "A name of somebody else's, which is ignored on purpose.",
};
function lines(list, examples) {
  while (list.children.length > examples.length) list.lastChild.remove();
  examples.forEach(({ text, age_seconds, reason }, at) => {
    const item = list.children[at] || list.appendChild(element("li", {}, element("code"), " ", element("small")));
    say(item.firstChild, text);
    say(item.lastChild, (reason ? reason + ", " : "") + ago(age_seconds));
  });
}
const reasons = new Map();
function rejected(services) {
  const counts = services.rejected, examples = services.rejected_examples || {};
  const there = Object.keys(MEANING).concat(Object.keys(counts).filter((reason) => !(reason in MEANING))).filter((reason) => counts[reason] > 0);
  $("rejected-none").hidden = there.length > 0;
  $("rejected-box").hidden = there.length === 0;
  there.forEach((reason) => {
    if (!reasons.has(reason)) {
      const list = element("ul", { className: "lines" }), count = element("td", { className: "n" });
      reasons.set(reason, { list, count });
      $("rejected").append(element("tr", {}, element("th", { scope: "row", textContent: reason }), count,
        element("td", { className: "wrap", textContent: MEANING[reason] || "" }), element("td", { className: "wrap" }, list)));
    }
    const { list, count } = reasons.get(reason);
    say(count, number(counts[reason]));
    lines(list, examples[reason] || []);
  });
  const own = opened === null ? [] : Object.entries(examples).flatMap(([reason, of]) => of
    .filter(({ text }) => text.startsWith(opened + ".") || text.startsWith(opened + ":"))
    .map((example) => ({ ...example, reason })));
  own.sort((a, b) => a.age_seconds - b.age_seconds);
  lines($("own-rejected"), own);
  $("own-rejected-none").hidden = own.length > 0;
}
function server({ server: status }) {
  if (!status) return;
  const of = status.figures || {}, reload = of.tickring_config_reload_successful;
  facts($("server"), [
    ["status", status.status + (status.error ? ": " + status.error : ""), "status " + (status.status === "ready" ? "active" : "error")],
    ["version", status.version],
    ["clock is late by", span(status.clock_lag_seconds), status.clock_lag_seconds >= 5 ? "error" : ""],
    ["connections", number(status.connections) + " of " + number(status.connections_limit)],
    ["memory", bytes(status.resident_bytes)],
    ["processor time", status.cpu_seconds == null ? NOTHING : one.format(status.cpu_seconds) + " s"],
    ["saturated records", number(status.saturated_records)],
    ...("tickring_log_lines_lost" in of ? [["lines of the log lost", number(of.tickring_log_lines_lost)]] : []),
    ...(reload == null ? [] : [["configuration", reload === 1 ? "read" : "the last reload failed", reload === 1 ? "" : "error"]]),
  ]);
}

// Asking. The next request begins when the one before has ended, so that none overlap.
let last = null, figures = null, past = null, services = null;
let lastTime = 0, slowTime = -Infinity, failures = 0, problem = "", timer = 0, asking = false, hasHistory = null;

async function ask(path, accepted) {
  const abort = new AbortController(), timeout = setTimeout(() => abort.abort(), TIMEOUT);
  try {
    const answer = await fetch(ROOT + path, { cache: "no-store", headers: { accept: "application/json" }, signal: abort.signal });
    if (!answer.ok && !(accepted || []).includes(answer.status)) throw new Error("status " + answer.status);
    return await answer.json();
  } catch (error) {
    throw new Error(error.name === "AbortError" ? "no answer within " + TIMEOUT / 1000 + " s"
      : error.name === "TypeError" ? "the server can't be reached" : error.message);
  } finally {
    clearTimeout(timeout);
  }
}
// Asks for what may not be there; null then.
const ifThere = (path) => ask(path).catch(() => null);

async function round() {
  const name = opened, now = performance.now(), slow = now - slowTime >= SLOW_POLL;
  const of = name === null ? null : "api/v1/services/" + encodeURIComponent(name);
  const [all, one_] = await Promise.all([
    ask("api/v1/real-time-metrics?series=1"),
    of && last && last.api_metrics.some((entry) => entry.service === name) ? ask(of + "/event-rate?series=1", [404, 503]).catch(() => null) : null,
  ]);
  if (!Array.isArray(all.api_metrics)) throw new Error("the answer is no document of services");
  [last, figures, lastTime] = [all, one_, performance.now()];
  if (slow) {
    services = await ask("api/v1/services");
    if (of && hasHistory === null) {
      const description = await ifThere("openapi.json");
      if (description) hasHistory = Boolean(description.paths && description.paths["/api/v1/services/{name}/history"]);
    }
    past = of && hasHistory ? await ifThere(of + "/history") : null;
    slowTime = now;
  }
}

function show() {
  totals(last);
  table();
  detail();
  if (services) { rejected(services); server(services); }
}

async function poll() {
  if (asking) return;
  asking = true;
  clearTimeout(timer);
  const begun = performance.now();
  try {
    await round();
    [failures, problem] = [0, ""];
    show();
  } catch (error) {
    failures += 1;
    problem = error.message;
  }
  asking = false;
  age();
  const pause = failures ? Math.min(LONGEST_PAUSE, POLL * 2 ** (failures - 1)) * (.75 + Math.random() / 2) : POLL - (performance.now() - begun);
  if (!document.hidden) timer = setTimeout(poll, Math.max(50, pause));
}

// Figures that are old say so, whatever became of the request for newer ones.
function age() {
  const old = performance.now() - lastTime, isOld = failures > 0 || (last !== null && old > OLD_AFTER);
  document.body.classList.toggle("old", isOld && last !== null);
  $("state").hidden = !isOld;
  if (!isOld) return say($("state-text"), "");
  say($("state-text"), last === null ? "No figures yet: " + (problem || "waiting") + "."
    : "These figures are old: " + (problem || "the server doesn't answer") + ".");
  say($("state-age"), last === null ? "" : "They are from " + ago(old / 1000) + ".");
}
setInterval(() => { if (!document.hidden) age(); }, 500);

document.addEventListener("visibilitychange", () => {
  clearTimeout(timer);
  if (!document.hidden) { failures = 0; poll(); }
});
$("filter").addEventListener("input", table);
$("status").addEventListener("change", table);

// The address says what is shown: #/ or #/service/NAME.
function route(event) {
  const found = /^#\/service\/(.+)$/.exec(location.hash);
  let name = null;
  try { name = found && decodeURIComponent(found[1]); } catch { /* It is no name. */ }
  if (location.hash === "#main") return;
  if (name !== opened) {
    [opened, figures, past, slowTime] = [name, null, null, -Infinity];
    charts.clear();
    $("events").replaceChildren();
    $("facts").replaceChildren();
    lines($("own-rejected"), []);
  }
  $("overview").hidden = name !== null;
  $("detail").hidden = name === null;
  detail();
  if (event) { (name === null ? $("main") : $("detail-title")).focus(); scrollTo(0, 0); poll(); }
}
addEventListener("hashchange", route);
route();
poll();
