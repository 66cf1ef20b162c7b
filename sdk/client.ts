import { errorOf } from "./error.ts";
import { retryingFetch } from "./retry.ts";
import { type Client, createClient, createConfig } from "./src/client/index.ts";
import { Waybill } from "./src/index.ts";
import { lastingStreams } from "./stream.ts";

export interface WaybillOptions {
  /** Where Waybill answers, such as `https://orders.example.com`. */
  baseUrl: string;
  /** An access token, or a function that gives the current one. */
  token?: string | (() => string | undefined | Promise<string | undefined>);
  /** How often a call that was refused for the moment is repeated; 3 unless you say otherwise. */
  retries?: number;
  /** Sends the requests; the platform's own `fetch` unless you say otherwise. */
  fetch?: typeof fetch;
}

/**
 * A client for one Waybill server and one caller. What the server answers comes back as `{ data }` or, for a refusal,
 * as `{ error }`, a `WaybillError`; a server that cannot be reached makes the call throw. Neither comes back with a 304
 * to `If-None-Match`: `response.status` tells.
 */
export function createWaybill({ baseUrl, token, retries = 3, fetch }: WaybillOptions): Waybill {
  const send = retryingFetch(retries, fetch);
  const client = createClient(createConfig({
    baseUrl: baseUrl.replace(/\/+$/, ""),
    auth: typeof token === "function" ? askedOnce(token) : token,
    fetch: send,
    bodySerializer,
    // Node asks for this where a body is a stream.
    ...{ duplex: "half" },
  }));
  client.interceptors.request.use((request, { path }) => {
    for (const [name, part] of Object.entries(path ?? {})) {
      // It would vanish from the URL, which is another operation's then: that of a list, say.
      if (["", ".", ".."].includes(part as string)) throw new TypeError(`path.${name} is "${part}"`);
    }
    return request;
  });
  client.interceptors.response.use(async (response) => {
    // No operation answers with a page: it is a proxy's, to log in, say.
    if (response.ok && response.headers.get("Content-Type")?.startsWith("text/html")) {
      throw await response.text();
    }
    return response;
  });
  client.interceptors.error.use((error, response) => {
    // The server was not reached, or the answer broke off; what cannot be read as JSON is an answer, and not Waybill's.
    if (!response || (error instanceof Error && !(error instanceof SyntaxError))) throw error;
    return errorOf(response, error);
  });
  client.get = revalidating(client.get);
  client.sse.get = lastingStreams(client.sse.get, send);
  return new Waybill({ client });
}

/** Calls that run at once share a token: if each refreshed it, with a refresh token that is good once, the session ended. */
function askedOnce(token: () => string | undefined | Promise<string | undefined>) {
  let asked: Promise<string | undefined> | undefined;
  return () => asked ??= (async () => await token())().finally(() => asked = undefined);
}

/** Not Modified is no error: the caller, who asked for it, has the data. */
function revalidating(get: Client["get"]): Client["get"] {
  return (async (options: Parameters<Client["get"]>[0]) => {
    const result = await get({ ...options, throwOnError: false });
    if (result.response?.status === 304) return { ...result, data: undefined, error: undefined };
    if (options.throwOnError && result.error !== undefined) throw result.error;
    return result;
  }) as Client["get"];
}

/** Text, bytes and streams (bulk imports) go out as they are; all else as JSON. */
function bodySerializer(body: unknown): unknown {
  const raw = typeof body === "string" || body instanceof Blob || body instanceof ReadableStream ||
    body instanceof ArrayBuffer || ArrayBuffer.isView(body);
  return raw ? body : JSON.stringify(body);
}
