import type { Problem } from "./src/index.ts";

/** What the server refused, as an error that can be thrown: the problem's fields, and all of it in the message. */
export class WaybillError extends Error implements Problem {
  override readonly name = "WaybillError";
  declare readonly type: string;
  declare readonly title: string;
  declare readonly status: number;
  declare readonly detail: string;
  declare readonly instance: string;
  declare readonly code: Problem["code"];
  declare readonly errors?: NonNullable<Problem["errors"]>;
  declare readonly request_id: string;

  constructor(problem: Problem) {
    super(`${problem.status} ${problem.code}: ${problem.detail}`);
    const { name, message } = this;
    Object.assign(this, problem, { name, message });
  }
}

/**
 * The error of an answer with this body. Where that is no problem, as a proxy's or of a server that is not well, the code
 * is `unknown`, and what else it says is kept.
 */
export function errorOf(response: Response, body: unknown): WaybillError {
  return new WaybillError(
    isProblem(body) ? body : unknownProblem(response, body),
  );
}

function isProblem(body: unknown): body is Problem {
  return typeof body === "object" && body !== null && "code" in body &&
    "status" in body;
}

function unknownProblem(response: Response, body: unknown): Problem {
  const fields = typeof body === "object" && !(body instanceof Error) ? body : null;
  const text = fields ? JSON.stringify(fields) : body;
  return {
    ...fields,
    type: "about:blank",
    title: response.statusText || `Status ${response.status}`,
    status: response.status,
    detail: typeof text === "string" && text !== "" ? text : "The answer is not one of Waybill's.",
    instance: new URL(response.url || "http://unknown/").pathname,
    code: "unknown" as Problem["code"],
    request_id: response.headers.get("X-Request-Id") ?? "",
  };
}
