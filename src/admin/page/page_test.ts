import { assertEquals } from "@std/assert";

const SCRIPT = await Deno.readTextFile(new URL("page.js", import.meta.url));
const EMPTY = { data: [], next_cursor: null };

/** As much of an element as the page's script touches. */
class FakeElement {
  textContent = "";
  hidden = false;
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
  replaceChildren() {}
  focus() {}
  reset() {}
}

/** The page, opened, over an API that has tokens for anybody; a refresh token that comes twice ends the session. */
function openPage() {
  const elements: Record<string, FakeElement> = {};
  const at = (id: string) => elements[id] ??= new FakeElement();
  const server = { access: "", refresh: "", renewals: 0 };
  let refresh = () => {};
  const answer = (path: string, form?: URLSearchParams, authorization?: string): [number, unknown] => {
    if (path !== "/v1/token") return authorization === `Bearer ${server.access}` ? [200, EMPTY] : [401, {}];
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
