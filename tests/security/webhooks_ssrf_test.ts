import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { post } from "../../src/webhooks/post.ts";
import { ForbiddenTargetError } from "../../src/webhooks/target.ts";
import { ask, createEndpoint, deliverDue, LOCAL, makeDue, startReceiver } from "../http/webhooks/receiver.ts";
import { startTestApp } from "../support/app.ts";

const PATH = "/v1/webhook-endpoints";
/** On the public internet; the tests may not reach it, which is well. */
const PUBLIC = "1.1.1.1";

/** A listener on this machine, on all its addresses, that nobody should come to. */
function startTrap() {
  const listeners = [
    Deno.listen({ hostname: "127.0.0.1", port: 0 }),
  ];
  const { port } = listeners[0]!.addr as Deno.NetAddr;
  try {
    listeners.push(Deno.listen({ hostname: "::1", port }));
  } catch { /* a machine without IPv6 */ }
  const trap = {
    port,
    connections: 0,
    /** What the last caller said first. */
    heard: new Uint8Array(),
    async [Symbol.asyncDispose]() {
      for (const listener of listeners) listener.close();
      await Promise.all(serving);
    },
  };
  const serving = listeners.map(async (listener) => {
    for await (const connection of listener) {
      trap.connections++;
      const buffer = new Uint8Array(4096);
      const length = await connection.read(buffer).catch(() => 0);
      trap.heard = buffer.slice(0, length ?? 0);
      connection.close();
    }
  });
  return trap;
}

const forms = (port: number) => [
  `https://127.0.0.1:${port}/`,
  `https://127.1:${port}/`,
  `https://2130706433:${port}/`,
  `https://0x7f000001:${port}/`,
  `https://0177.0.0.1:${port}/`,
  `https://127。0。0。1:${port}/`,
  `https://[::ffff:127.0.0.1]:${port}/`,
  `https://[::ffff:7f00:1]:${port}/`,
  `https://[::127.0.0.1]:${port}/`,
  `https://[::1]:${port}/`,
  `https://[::]:${port}/`,
  `https://0.0.0.0:${port}/`,
  `https://[64:ff9b::7f00:1]:${port}/`,
  `https://[2002:7f00:1::]:${port}/`,
  `https://localhost:${port}/`,
  `https://LOCALHOST.:${port}/`,
  "https://169.254.169.254/latest/meta-data/",
  "https://[fd00:ec2::254]/latest/meta-data/",
  "https://10.0.0.1/",
  "https://172.16.0.1/",
  "https://192.168.0.1/",
  "https://100.64.0.1/",
];

Deno.test("no endpoint can be made for, or moved to, an address that is not public", async () => {
  await using app = await startTestApp();
  await using trap = startTrap();
  const staff = await app.user("staff");
  const body = { url: `https://${PUBLIC}/hooks`, event_types: ["*"] };
  const { id } = await ask(app, staff, "POST", PATH, 201, body);
  const refused = [
    ...forms(trap.port),
    `http://${PUBLIC}/`,
    `https://user:password@${PUBLIC}/`,
    `https://user@${PUBLIC}/`,
    "https://nowhere.invalid/",
    "ftp://1.1.1.1/",
    "file:///etc/passwd",
    "gopher://127.0.0.1/",
    "javascript:alert(1)",
    "https://",
    "//1.1.1.1",
    `https://${PUBLIC}/${"x".repeat(2000)}`,
  ];
  for (const url of refused) {
    for (const [method, path] of [["POST", PATH], ["PATCH", `${PATH}/${id}`]] as const) {
      const sent = method === "POST" ? { ...body, url } : { url };
      const { status, body: answer } = await app.request(method, path, { token: staff.token, body: sent });
      assertEquals([status, answer.errors?.[0]?.pointer], [422, "/url"], `${method} ${url}`);
    }
  }
  assertEquals(trap.connections, 0);
  assertEquals((await ask(app, staff, "GET", `${PATH}/${id}`, 200)).url, body.url);
});

Deno.test("an endpoint that leads to a private address by now is not connected to", async () => {
  await using app = await startTestApp();
  await using trap = startTrap();
  const staff = await app.user("staff");
  const { id } = await createEndpoint(app, staff, `https://${PUBLIC}/`);
  for (
    const url of [...forms(trap.port), `http://127.0.0.1:${trap.port}/`, `http://localhost:${trap.port}/`]
  ) {
    await app.deps.sql`update webhook_endpoints set url = ${new URL(url).href} where id = ${id}`;
    const { id: deliveryId } = await ask(app, staff, "POST", `${PATH}/${id}/ping`, 202);
    assertEquals(await deliverDue(app.deps), 1);
    const delivery = await ask(app, staff, "GET", `/v1/webhook-deliveries/${deliveryId}`, 200);
    assertEquals(delivery.status, "failed");
    assertMatch(delivery.attempt_log[0].error, /^Not sent: the URL must /, url);
  }
  assertEquals(trap.connections, 0);
});

Deno.test("a name that answers public first and private second (DNS rebinding) leads to no private address", async () => {
  for (const protocol of ["http", "https"]) {
    await using trap = startTrap();
    let asked = 0;
    const send = (allowPrivateAddresses: boolean) =>
      post({
        // The machine's own resolver answers 127.0.0.1: whoever asks it again falls into the trap.
        url: `${protocol}://localhost:${trap.port}/`,
        headers: {},
        body: "{}",
        timeoutMs: 1000,
        signal: new AbortController().signal,
        allowPrivateAddresses,
        resolve: () => Promise.resolve([asked++ === 0 ? PUBLIC : "127.0.0.1"]),
      });
    await assertRejects(() => send(protocol === "http"));
    assertEquals([asked, trap.connections], [1, 0]);
    if (protocol === "https") await assertRejects(() => send(false), ForbiddenTargetError);
    assertEquals(trap.connections, 0);
  }
});

Deno.test("the connection goes to the checked address under the name of the URL, and to no other once it is there", async () => {
  await using trap = startTrap();
  await assertRejects(() =>
    post({
      url: `https://hooks.example.com:${trap.port}/`,
      headers: {},
      body: "{}",
      timeoutMs: 5000,
      signal: new AbortController().signal,
      allowPrivateAddresses: true,
      resolve: () => Promise.resolve(["127.0.0.1", "127.0.0.1"]),
    })
  );
  assertEquals(trap.connections, 1);
  assertEquals(trap.heard[0], 22, "a TLS handshake");
  assert(new TextDecoder("latin1").decode(trap.heard).includes("hooks.example.com"), "with the name (SNI)");
});

Deno.test("a redirect is not followed, and is no success", async () => {
  await using app = await startTestApp(LOCAL);
  await using trap = startTrap();
  await using receiver = startReceiver();
  const staff = await app.user("staff");
  const { id } = await createEndpoint(app, staff, receiver.url);
  for (const status of [301, 302, 303, 307, 308]) {
    receiver.answer = () =>
      new Response(null, { status, headers: { Location: `http://127.0.0.1:${trap.port}/` } });
    const { id: deliveryId } = await ask(app, staff, "POST", `${PATH}/${id}/ping`, 202);
    await deliverDue(app.deps);
    const delivery = await ask(app, staff, "GET", `/v1/webhook-deliveries/${deliveryId}`, 200);
    assertEquals([delivery.status, delivery.attempt_log[0].response_status], ["failed", status]);
    await makeDue(app.deps);
  }
  assertEquals(trap.connections, 0);
});

Deno.test("a receiver that never ends its answer, or never begins, is not waited for", async () => {
  const endless = () => new ReadableStream({ pull: (c) => c.enqueue(new Uint8Array(16_384).fill(65)) });
  const waiting = Promise.withResolvers<Response>();
  const slow = new AbortController();
  const answers: Record<string, () => Response | Promise<Response>> = {
    "/endless": () => new Response(endless()),
    "/silent": () => waiting.promise,
    "/slow": () => {
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(new Uint8Array([65]));
          slow.signal.addEventListener("abort", () => controller.close());
        },
      });
      return new Response(body);
    },
  };
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      await request.text();
      return await answers[new URL(request.url).pathname]!();
    },
  );
  const send = (path: string, timeoutMs: number) =>
    post({
      url: `http://127.0.0.1:${server.addr.port}${path}`,
      headers: {},
      body: "{}",
      timeoutMs,
      signal: new AbortController().signal,
      allowPrivateAddresses: true,
    });
  const cut = await send("/endless", 30_000);
  assertEquals([cut.status, cut.body], [200, "A".repeat(1024)]);
  for (const path of ["/silent", "/slow"]) {
    await assertRejects(() => send(path, 500), Error, "No complete answer within 0.5 s.");
  }
  waiting.resolve(new Response());
  slow.abort();
  await server.shutdown();
});

Deno.test("an answer that breaks off is known at once to be none", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const breakOff = async () => {
    using connection = await listener.accept();
    await connection.read(new Uint8Array(10_000));
    await connection.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no"));
  };
  const broken = breakOff();
  const { message } = await assertRejects(() =>
    post({
      url: `http://127.0.0.1:${listener.addr.port}/`,
      headers: {},
      body: "{}",
      timeoutMs: 5000,
      signal: new AbortController().signal,
      allowPrivateAddresses: true,
    }), Error);
  assert(!message.startsWith("No complete answer"), message);
  await broken;
});

Deno.test("a name whose addresses nobody tells is not waited for", async () => {
  await assertRejects(
    () =>
      post({
        url: "https://hooks.example.com/",
        headers: {},
        body: "{}",
        timeoutMs: 100,
        signal: new AbortController().signal,
        allowPrivateAddresses: false,
        resolve: () => new Promise(() => {}),
      }),
    Error,
    "No complete answer within 0.1 s.",
  );
});

Deno.test("where nothing listens at one address of a name the next is tried", async () => {
  await using receiver = startReceiver();
  const { status } = await post({
    url: `http://hooks.example.com:${receiver.port}/`,
    headers: {},
    body: "{}",
    timeoutMs: 5000,
    signal: new AbortController().signal,
    allowPrivateAddresses: true,
    resolve: () => Promise.resolve(["::1", "127.0.0.1"]),
  });
  assertEquals([status, receiver.received[0]!.headers.host], [200, `hooks.example.com:${receiver.port}`]);
});
