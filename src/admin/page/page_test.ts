import { assertEquals } from "@std/assert";

const SCRIPT = await Deno.readTextFile(new URL("page.js", import.meta.url));
const EMPTY = { data: [], next_cursor: null };
const JOB = {
  id: "1f6bc2f4-7e43-4c3e-9a55-0c5f2ad5a1f7",
  queue: "orders.process",
  data: {},
  created_at: "2026-01-31T12:00:00.000Z",
};

/** As much of an element as the page's script touches. */
class FakeElement {
  textContent = "";
  hidden = false;
  /** How often it was filled anew. */
  fillings = 0;
  readonly dataset = {};
  readonly classList = { toggle() {} };
  readonly #listeners = new Map<string, (event: unknown) => unknown>();
  get parentElement() {
    return this;
  }
  querySelector() {
    return this;
  }
  addEventListener(type: string, listener: (event: unknown) => unknown) {
    this.#listeners.set(type, listener);
  }
  /** Resolves when what listens is done. */
  async dispatch(type: string) {
    await this.#listeners.get(type)!({ target: this, preventDefault() {} });
  }
  append() {}
  replaceChildren() {
    this.fillings++;
  }
  focus() {}
  reset() {}
}

/** The page, opened, over an API that has tokens for anybody; a refresh token that comes twice ends the session. */
function openPage() {
  const elements: Record<string, FakeElement> = {};
  const at = (id: string) => elements[id] ??= new FakeElement();
  const server = {
    access: "",
    refresh: "",
    renewals: 0,
    isAway: false,
    isStaff: true,
    revoked: "",
    failed: EMPTY as { data: unknown[] },
  };
  let refresh = () => {};
  const answer = (path: string, form?: URLSearchParams, authorization?: string): [number, unknown] => {
    if (path === "/v1/token/revocation") return [200, { revoked: server.revoked = form!.get("token")! }];
    if (path !== "/v1/token") {
      if (authorization !== `Bearer ${server.access}`) return [401, {}];
      if (!server.isStaff) return [403, { detail: "Only staff may do this." }];
      return [200, path.includes("dead_letters") ? server.failed : EMPTY];
    }
    if (form!.get("grant_type") === "refresh_token") {
      if (form!.get("refresh_token") !== server.refresh) server.refresh = "none";
      if (server.refresh === "none") return [401, { detail: "Log in again." }];
      server.renewals++;
    }
    Object.assign(server, { access: crypto.randomUUID(), refresh: crypto.randomUUID() });
    return [200, { access_token: server.access, refresh_token: server.refresh }];
  };
  const fetch = (
    path: string,
    { headers, body }: { headers: Record<string, string>; body?: URLSearchParams },
  ) => {
    if (server.isAway) return Promise.reject(new TypeError("Failed to fetch"));
    const [status, text] = answer(path, body, headers.Authorization);
    return Promise.resolve(Response.json(text, { status }));
  };
  const document = { getElementById: at, createElement: () => new FakeElement(), querySelector() {} };
  const globals = {
    document,
    fetch,
    FormData: class {
      *[Symbol.iterator]() {}
    },
    setTimeout: (then: () => void) => void (refresh = then),
    clearTimeout: () => void (refresh = () => {}),
  };
  new Function(...Object.keys(globals), SCRIPT)(...Object.values(globals));
  return { at, server, refresh: () => refresh() };
}

Deno.test("Tokens that have run out are renewed once, however many calls of the page find that out", async () => {
  const { at, server, refresh } = openPage();
  await at("login").dispatch("submit");
  assertEquals([at("jobs").hidden, at("message").textContent], [false, ""]);
  for (const renewals of [1, 2]) {
    server.access = "another by now";
    await refresh();
    assertEquals([server.renewals, at("message").textContent, at("jobs").hidden], [renewals, "", false]);
  }
});

Deno.test("That the API cannot be reached is said as long as it is so", async () => {
  const { at, server, refresh } = openPage();
  await at("login").dispatch("submit");
  for (const [isAway, said] of [[true, "Not up to date: Failed to fetch"], [false, ""]] as const) {
    server.isAway = isAway;
    await refresh();
    assertEquals([at("message").textContent, at("jobs").hidden], [said, false]);
  }
});

Deno.test("A list that is as it was stays as it stands: neither marked text nor a reader's place in it is lost", async () => {
  const { at, server, refresh } = openPage();
  await at("login").dispatch("submit");
  for (const [failed, fillings] of [[[], 1], [[JOB], 2], [[JOB], 2], [[], 3]] as const) {
    server.failed = { ...EMPTY, data: [...failed] };
    await refresh();
    assertEquals([at("failed").fillings, at("failed-count").textContent], [fillings, String(failed.length)]);
  }
  await at("logout").dispatch("click");
  await at("login").dispatch("submit");
  assertEquals(at("failed").fillings, 5, "emptied when logging out, and filled with its one row: None.");
});

Deno.test("Of a login that is not for the page nothing stays: its session is ended", async () => {
  const { at, server } = openPage();
  server.isStaff = false;
  await at("login").dispatch("submit");
  assertEquals([at("message").textContent, at("login").hidden], ["Only staff may do this.", false]);
  assertEquals(server.revoked, server.refresh);
});
