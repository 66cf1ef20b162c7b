import { createClient, createConfig } from "./src/client/index.ts";
import { type Problem, Waybill } from "./src/index.ts";
import { retryingFetch } from "./retry.ts";

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
 * as `{ error }`, a typed problem; a server that cannot be reached makes the call throw.
 */
export function createWaybill({ baseUrl, token, retries = 3, fetch }: WaybillOptions): Waybill {
  const client = createClient(createConfig({
    baseUrl: baseUrl.replace(/\/+$/, ""),
    auth: typeof token === "function" ? async () => await token() : token,
    fetch: retryingFetch(retries, fetch),
    bodySerializer,
    // Node asks for this where a body is a stream.
    ...{ duplex: "half" },
  }));
  client.interceptors.error.use((error, response) => {
    if (!response) throw error;
    return isProblem(error) ? error : unknownProblem(response, error);
  });
  return new Waybill({ client });
}

/** Text, bytes and streams (bulk imports) go out as they are; all else as JSON. */
function bodySerializer(body: unknown): unknown {
  const raw = typeof body === "string" || body instanceof Blob || body instanceof ReadableStream ||
    body instanceof ArrayBuffer || ArrayBuffer.isView(body);
  return raw ? body : JSON.stringify(body);
}

function isProblem(error: unknown): error is Problem {
  return typeof error === "object" && error !== null && "code" in error && "status" in error;
}

/** For an answer that is not Waybill's: that of a proxy before it, say. */
function unknownProblem(response: Response, body: unknown): Problem {
  return {
    type: "about:blank",
    title: response.statusText || `Status ${response.status}`,
    status: response.status,
    detail: typeof body === "string" && body !== "" ? body : "The answer is not one of Waybill's.",
    instance: new URL(response.url || "http://unknown/").pathname,
    code: "unknown" as Problem["code"],
    request_id: response.headers.get("X-Request-Id") ?? "",
  };
}
