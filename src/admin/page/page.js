const REFRESH_MS = 5000;
const SHOWN = 50;
const DEAD_LETTERS = "dead_letters";

/** The tokens, in this page's memory and nowhere else: closing it is logging out. */
let tokens;
let renewing;
let timer;
/** What is said while the lists cannot be read, and taken back when they can. */
let complaint;
/** What each list shows, as text. */
const shown = {};

const at = (id) => document.getElementById(id);

/** An element with its text; what comes from the server is only ever text. */
function element(tag, { text, ...properties } = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
}

function say(text, isBad = false) {
  at("message").textContent = text;
  at("message").classList.toggle("bad", isBad);
}

/** Gives the answer's body, or throws what the server has to say. */
async function send(method, path, { form, token } = {}) {
  const response = await fetch(`/v1${path}`, {
    method,
    headers: token ? { Authorization: `Bearer ${token}` } : {},
    body: form && new URLSearchParams(form),
  });
  const isJson = response.headers.get("Content-Type")?.includes("json"); // a proxy may answer with a page
  const body = isJson ? await response.json() : {};
  if (response.ok) return body;
  throw Object.assign(new Error(body.detail ?? `The server answered ${response.status}.`), {
    status: response.status,
  });
}

/** Calls the API as the user; an access token that has run out is replaced once. */
async function call(method, path) {
  const used = tokens;
  try {
    return await send(method, path, { token: used.access_token });
  } catch (error) {
    if (error.status !== 401) throw error;
    if (tokens === used) await (renewing ??= renew(used).finally(() => renewing = undefined));
    if (!tokens) throw error;
    return await send(method, path, { token: tokens.access_token });
  }
}

/** Once for all calls that wait for it: a refresh token that comes twice counts as stolen, and ends the session. */
async function renew(used) {
  const form = { grant_type: "refresh_token", refresh_token: used.refresh_token };
  const renewed = await send("POST", "/token", { form });
  if (tokens === used) tokens = renewed; // or else logged out meanwhile
}

async function logIn(event) {
  event.preventDefault();
  const form = event.target;
  const { username, password } = Object.fromEntries(new FormData(form));
  try {
    tokens = await send("POST", "/token", { form: { grant_type: "password", username, password } });
    await show();
    form.reset();
    say("");
    at("login").hidden = true;
    at("jobs").hidden = at("logout").hidden = false;
    at("failed-title").parentElement.querySelector(".scroll").focus({ preventScroll: true });
    plan();
  } catch (error) {
    logOut(error.message); // a customer has a session by now
  }
}

function logOut(message = "") {
  const token = tokens?.refresh_token;
  tokens = undefined;
  clearTimeout(timer);
  if (token) send("POST", "/token/revocation", { form: { token } }).catch(() => {});
  for (const id of ["failed", "retrying", "queues"]) fill(id, null, []);
  at("freshness").textContent = "";
  at("login").hidden = false;
  at("jobs").hidden = at("logout").hidden = true;
  say(message, message !== "");
}

function plan() {
  clearTimeout(timer);
  timer = setTimeout(refresh, REFRESH_MS);
}

async function refresh() {
  try {
    if (!document.hidden) {
      await show();
      if (at("message").textContent === complaint) say("");
    }
  } catch (error) {
    if ([401, 403].includes(error.status)) return logOut(error.message);
    complaint = `Not up to date: ${error.message}`;
    say(complaint, true);
  }
  if (tokens) plan();
}

async function show() {
  const [failed, retrying, queues] = await Promise.all([
    call("GET", `/admin/jobs?queue=${DEAD_LETTERS}&state=created&limit=${SHOWN}`),
    call("GET", `/admin/jobs?state=retry&limit=${SHOWN}`),
    call("GET", "/admin/queues"),
  ]);
  if (!tokens) return; // logged out meanwhile
  const focused = document.activeElement;
  const around = focused?.closest(".scroll");
  list("failed", failed, (job) => row(job, time(job.created_at), "Dismiss"));
  list("retrying", retrying, (job) => row(job, time(job.start_after), "Cancel"));
  const served = queues.data.filter(({ name }) => name !== DEAD_LETTERS);
  fill("queues", served, served.map(queueRow));
  // A button that was replaced has its like in its place; where its job has gone, the list is the nearest place.
  if (focused && !focused.isConnected) {
    (document.querySelector(`[data-key="${focused.dataset.key}"]`) ?? around).focus({ preventScroll: true });
  }
  at("freshness").textContent = `As of ${new Date().toLocaleTimeString()}, every ${REFRESH_MS / 1000} s`;
}

function list(id, { data, next_cursor }, toRow) {
  at(`${id}-count`).textContent = next_cursor ? `${data.length}+` : String(data.length);
  at(`${id}-count`).classList.toggle("some", data.length > 0);
  const none = element("tr", {}, element("td", { colSpan: 6, className: "none", text: "None." }));
  fill(id, data, data.length > 0 ? data.map(toRow) : [none]);
}

/** Rows that would be the same stay: who marks their text, or reads them with a screen reader, keeps the place. */
function fill(id, data, rows) {
  const text = JSON.stringify(data);
  if (shown[id] === text) return;
  shown[id] = text;
  at(id).replaceChildren(...rows);
}

function row(job, when, cancelName) {
  const { queue, id } = job.dead_letter_of ?? job;
  const { traceparent: _, ...data } = job.data;
  const name = element(
    "th",
    { scope: "row", text: queue },
    element("span", { className: "id quiet", text: id.slice(0, 8), title: id }),
  );
  return element(
    "tr",
    {},
    name,
    element("td", { className: "error", text: job.error ? `${job.error.name}: ${job.error.message}` : "–" }),
    element("td", { className: "data", text: Object.entries(data).map(dataLine).join("\n") }),
    element("td", { className: "number", text: `${job.attempts} of ${job.max_attempts}` }),
    element("td", { className: "time" }, when),
    element(
      "td",
      { className: "actions" },
      action(job, "Retry", "retry", "is tried again"),
      action(job, cancelName, "cancellation", "is cancelled"),
    ),
  );
}

function dataLine([name, value]) {
  return `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`;
}

function action(job, name, path, outcome) {
  const { queue } = job.dead_letter_of ?? job;
  const button = element("button", {
    type: "button",
    text: name,
    className: path === "retry" ? "main" : "",
    ariaLabel: `${name} ${queue} ${job.id}`,
  });
  button.dataset.key = `${path}-${job.id}`;
  button.addEventListener("click", async () => {
    if (button.ariaDisabled) return; // with `disabled` it would lose the focus
    button.ariaDisabled = "true";
    try {
      await call("POST", `/admin/jobs/${job.id}/${path}`);
      say(`${queue} ${outcome}.`);
    } catch (error) {
      say(error.message, true);
    }
    await refresh();
    button.ariaDisabled = null;
  });
  return button;
}

function time(text) {
  const shown = new Date(text).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
  return element("time", { dateTime: text, text: shown });
}

function queueRow({ name, lane, policy, counts }) {
  const number = (value, className = "") =>
    element("td", { className: `number ${value > 0 ? className : "quiet"}`, text: String(value) });
  return element(
    "tr",
    {},
    element("th", { scope: "row", text: name }),
    element("td", { className: "quiet", text: lane ?? "–" }),
    number(counts.ready, "some"),
    number(counts.deferred, "late"),
    number(counts.active, "some"),
    number(counts.failed, "bad"),
    number(counts.dead_letters, "bad"),
    element("td", {
      className: "quiet",
      text: policy.retry_limit === 0
        ? "none"
        : `${policy.retry_limit}, after ${policy.retry_delay} s and more`,
    }),
  );
}

at("login").addEventListener("submit", logIn);
at("logout").addEventListener("click", () => logOut());
