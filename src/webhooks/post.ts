import http from "node:http";
import https from "node:https";
import { checkedAddresses, hostOf, type TargetRules } from "./target.ts";

const MAX_RESPONSE_BYTES = 64 * 1024;
/** How much of a response is kept. */
const KEPT_BYTES = 1024;
const UNREACHABLE = new Set(["EADDRNOTAVAIL", "ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH"]);

export interface Post extends TargetRules {
  url: string;
  headers: Record<string, string>;
  body: string;
  /** For all of it: looking up, connecting, sending, and reading the response. */
  timeoutMs: number;
  signal: AbortSignal;
}

export interface Reply {
  status: number;
  /** The beginning of it. */
  body: string;
  retryAfter?: string;
}

/**
 * Sends a POST to a URL that somebody else chose: its host is looked up once, every address checked, and the
 * connection goes to those addresses, under the name that the URL has (Host, SNI, certificate). Redirects are not
 * followed; a long response is cut.
 *
 * @throws ForbiddenTargetError, and whatever the network fails with
 */
export async function post({ url: text, headers, body, timeoutMs, signal, ...rules }: Post): Promise<Reply> {
  const timeout = new AbortController();
  const timer = setTimeout(
    () => timeout.abort(new Error(`No complete answer within ${timeoutMs / 1000} s.`)),
    timeoutMs,
  );
  const ending = AbortSignal.any([signal, timeout.signal]);
  const ended = Promise.withResolvers<never>();
  ended.promise.catch(() => {});
  const end = () => ended.reject(ending.reason);
  ending.addEventListener("abort", end);
  try {
    ending.throwIfAborted();
    const url = new URL(text);
    const addresses = await Promise.race([ended.promise, checkedAddresses(url, rules)]);
    const sent = sendToFirst(addresses, (address) => send(url, address, headers, body, ending));
    return await Promise.race([ended.promise, sent]);
  } finally {
    clearTimeout(timer);
    ending.removeEventListener("abort", end);
  }
}

/** Tries the next address where nothing listens at one: nothing was sent then. */
async function sendToFirst(addresses: string[], send: (address: string) => Promise<Reply>): Promise<Reply> {
  const [first, ...others] = addresses;
  return await send(first!).catch((error) => {
    if (others.length === 0 || !UNREACHABLE.has(error?.code)) throw error;
    return sendToFirst(others, send);
  });
}

/** Names the address itself, so that nobody below looks the host up again. */
function send(
  url: URL,
  address: string,
  headers: Record<string, string>,
  body: string,
  signal: AbortSignal,
): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const options = {
    method: "POST",
    hostname: address,
    port: url.port,
    path: url.pathname + url.search,
    headers: { ...headers, "host": url.host, "content-length": Buffer.byteLength(body) },
    servername: hostOf(url) === address ? undefined : url.hostname,
    agent: false,
    signal,
  } as const;
  const request = (url.protocol === "https:" ? https : http).request(options, (response) => {
    const kept: Uint8Array[] = [];
    let size = 0;
    const finish = () =>
      resolve({
        status: response.statusCode!,
        body: beginning(kept),
        retryAfter: response.headers["retry-after"],
      });
    response.on("data", (chunk: Uint8Array) => {
      if (size < KEPT_BYTES) kept.push(chunk);
      size += chunk.length;
      if (size < MAX_RESPONSE_BYTES) return;
      finish();
      request.destroy();
    });
    response.on("end", finish);
    response.on("error", reject);
  });
  request.on("error", reject);
  request.end(body);
  return promise;
}

/** The first kilobyte as text that PostgreSQL can hold. */
function beginning(chunks: Uint8Array[]): string {
  const bytes = Buffer.concat(chunks).subarray(0, KEPT_BYTES);
  return new TextDecoder().decode(bytes, { stream: bytes.length === KEPT_BYTES }).replaceAll("\0", "");
}
