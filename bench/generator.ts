/**
 * The load generator, in a process of its own: reads one job as JSON on standard input, plays it over plain keep-alive
 * HTTP/1.1 connections with one request under way on each, and prints what happened as JSON.
 */

import process from "node:process";
import type { Job, JobResult, Traffic } from "./traffic.ts";

const READ_BUFFER_BYTES = 64 * 1024;
const END_OF_HEAD = "\r\n\r\n";
const encoder = new TextEncoder();
const latin1 = new TextDecoder("latin1");

interface Answer {
  status: number;
  cache: string | undefined;
  /** Read only where it is asked for: most answers are of no use to the generator. */
  body(): string;
}

/** One connection. Reads an answer by its Content-Length; anything else is an error of this job. */
class Connection {
  #buffer = new Uint8Array(READ_BUFFER_BYTES);
  #socket: Deno.TcpConn;

  private constructor(socket: Deno.TcpConn) {
    this.#socket = socket;
  }

  static async open(port: number): Promise<Connection> {
    const socket = await Deno.connect({ hostname: "127.0.0.1", port });
    socket.setNoDelay(true);
    return new Connection(socket);
  }

  async send(request: string): Promise<Answer> {
    const bytes = encoder.encode(request);
    for (let sent = 0; sent < bytes.length;) sent += await this.#socket.write(bytes.subarray(sent));
    let filled = 0;
    let head = "";
    let total = Infinity;
    while (filled < total) {
      if (filled === this.#buffer.length) this.#grow();
      const read = await this.#socket.read(this.#buffer.subarray(filled));
      if (read === null) throw new Error("the server closed the connection");
      filled += read;
      if (total === Infinity) {
        const text = latin1.decode(this.#buffer.subarray(0, filled));
        const end = text.indexOf(END_OF_HEAD);
        if (end < 0) continue;
        head = text.slice(0, end + 2).toLowerCase();
        const length = header(head, "content-length");
        if (length === undefined) throw new Error("an answer without Content-Length");
        total = end + END_OF_HEAD.length + Number(length);
      }
    }
    return {
      status: Number(head.slice(9, 12)),
      cache: header(head, "x-cache-status"),
      body: () => latin1.decode(this.#buffer.subarray(head.length + 2, total)),
    };
  }

  close(): void {
    this.#socket.close();
  }

  #grow(): void {
    const larger = new Uint8Array(this.#buffer.length * 2);
    larger.set(this.#buffer);
    this.#buffer = larger;
  }
}

function header(head: string, name: string): string | undefined {
  const start = head.indexOf(`\r\n${name}: `);
  return start < 0 ? undefined : head.slice(start + name.length + 4, head.indexOf("\r\n", start + 2));
}

const below = (n: number) => Math.floor(Math.random() * n);
const pick = <T>(from: T[]): T => from[below(from.length)]!;

const get = (path: string, token?: string) =>
  `GET ${path} HTTP/1.1\r\nHost: bench\r\n${token ? `Authorization: Bearer ${token}\r\n` : ""}\r\n`;

const SHIP_TO =
  `{"name":"Ada Lovelace","lines":["1 High St"],"city":"Leeds","postal_code":"LS1 1UR","country":"GB"}`;

const post = (path: string, token: string, body: string, key?: string) =>
  `POST ${path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer ${token}\r\n` +
  `${key ? `Idempotency-Key: ${key}\r\n` : ""}Content-Type: application/json\r\n` +
  `Content-Length: ${body.length}\r\n\r\n${body}`;

/** One to three units of two different SKUs. */
function twoLines(skus: string[]): string {
  const first = below(skus.length);
  const second = (first + 1 + below(skus.length - 1)) % skus.length;
  return [first, second].map((i) => `{"sku":"${skus[i]}","quantity":${1 + below(3)}}`).join(",");
}

/** An order of two different SKUs across a border, under a key that no other request has. */
function order({ tokens, skus }: { tokens: string[]; skus: string[] }): string {
  const body = `{"items":[${
    twoLines(skus)
  }],"currency":"EUR","ship_to":${SHIP_TO},"shipping_option":"standard"}`;
  return post("/v1/orders", pick(tokens), body, crypto.randomUUID());
}

/**
 * A whole checkout across a border: a cart of two lines, its quote with duty and tax, the order under a key of its own,
 * and the payment recorded. The last answer, or the first that is no success.
 */
async function checkOut(
  connection: Connection,
  { tokens, skus }: { tokens: string[]; skus: string[] },
): Promise<Answer> {
  const token = pick(tokens);
  const idOf = (answer: Answer) => answer.body().slice(7, 43); // {"id":"…
  const cart = await connection.send(
    post("/v1/carts", token, `{"currency":"EUR","destination":"GB","items":[${twoLines(skus)}]}`),
  );
  if (cart.status !== 201) return cart;
  const cartId = idOf(cart);
  const quote = await connection.send(
    post(`/v1/carts/${cartId}/quotes`, token, `{"shipping_option":"standard"}`),
  );
  if (quote.status !== 201) return quote;
  const body = `{"quote_id":"${idOf(quote)}","ship_to":${SHIP_TO},` +
    `"payment":{"provider":"sandbox","payment_method":"tok_success"}}`;
  const done = await connection.send(post(`/v1/carts/${cartId}/checkout`, token, body, crypto.randomUUID()));
  return done.status !== 201 || done.body().includes(`"status":"PAID"`) ? done : { ...done, status: 599 };
}

/** The next request of this kind of traffic. */
function nextRequest(traffic: Exclude<Traffic, { kind: "checkout" }>): string {
  if (traffic.kind === "place" || (traffic.kind === "mixed" && Math.random() >= traffic.readShare)) {
    return order(traffic);
  }
  const { path, token } = pick(traffic.targets);
  return get(path, token);
}

async function play(job: Job): Promise<JobResult> {
  const latencies: number[] = [];
  const statuses: Record<string, number> = {};
  const cache: Record<string, number> = {};
  const errors: Record<string, number> = {};
  const count = (counts: Record<string, number>, key: string) => counts[key] = (counts[key] ?? 0) + 1;
  const connections: Connection[] = [];
  for (let i = 0; i < job.clients; i++) connections.push(await Connection.open(job.port));
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  const end = start + job.seconds * 1000;
  await Promise.all(connections.map(async (connection) => {
    for (let now = performance.now(); now < end;) {
      try {
        const answer = job.traffic.kind === "checkout"
          ? await checkOut(connection, job.traffic)
          : await connection.send(nextRequest(job.traffic));
        const after = performance.now();
        latencies.push(after - now);
        now = after;
        count(statuses, String(answer.status));
        if (answer.cache) count(cache, answer.cache);
      } catch (error) {
        count(errors, error instanceof Error ? error.message : String(error));
        return; // a client whose connection broke is gone, and counted as an error
      }
    }
  }));
  const seconds = (performance.now() - start) / 1000;
  const cpu = process.cpuUsage(cpuBefore);
  for (const connection of connections) connection.close();
  latencies.sort((a, b) => a - b);
  const at = (share: number) =>
    latencies[Math.min(latencies.length - 1, Math.floor(share * latencies.length))] ?? 0;
  return {
    seconds,
    requests: latencies.length,
    perSecond: latencies.length / seconds,
    p50: at(0.5),
    p99: at(0.99),
    max: latencies.at(-1) ?? 0,
    statuses,
    cache,
    errors,
    cpuShare: (cpu.user + cpu.system) / 1e6 / seconds,
  };
}

const job = JSON.parse(await new Response(Deno.stdin.readable).text()) as Job;
console.log(JSON.stringify(await play(job)));
