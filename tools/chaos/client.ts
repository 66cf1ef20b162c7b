/** Asks until there is an answer: what customers do whose connection is lost again and again. */

import { setTimeout as delay } from "node:timers/promises";
import type { Stage } from "./stage.ts";

const RETRY_MS = 100;
const PATIENCE_MS = 5000;
/** Of so many requests one loses its connection by itself, before, while or after it was worked on. */
const LOST_EVERY = 9;
/** No process is away for so long: whoever is not answered by then never will be. */
const GIVE_UP_MS = 180_000;

/** What was answered with 2xx, by the ids of what was made, and what was not. */
export interface Shopping {
  placed: string[];
  /** The orders among them that were made of a cart. */
  checkedOut: string[];
  cancelled: Set<string>;
  carts: string[];
  payments: Set<string>;
  shipments: string[];
  refunds: string[];
  /** Refusals that may be, by their code. */
  refused: Record<string, number>;
  /** Answers that nobody should ever get, by what they were. */
  strange: Record<string, number>;
  attempts: number;
  /** The call that waited longest for its answer, and what it was told last instead. */
  longest: { ms: number; call: string; why: string };
}

export function newShopping(): Shopping {
  return {
    placed: [],
    checkedOut: [],
    cancelled: new Set(),
    carts: [],
    payments: new Set(),
    shipments: [],
    refunds: [],
    refused: {},
    strange: {},
    attempts: 0,
    longest: { ms: 0, call: "", why: "" },
  };
}

/** One call, with who makes it. */
export interface Call {
  token: string;
  path: string;
  method?: "POST" | "PUT" | "PATCH";
  body?: unknown;
  key?: string;
  /** Codes of refusals that may be, or of their one reason: something else was quicker. */
  mayBeRefused?: string[];
}

/** `body` of a 2xx, or else the problem that it was refused with. */
export interface Answer {
  // deno-lint-ignore no-explicit-any
  body?: any;
  problem?: Problem;
}

interface Problem {
  code: string;
  errors?: { code: string }[];
}

export type Ask = (call: Call) => Promise<Answer>;

/** Calls the API of this stage, and notes what was strange. */
export function clientOf({ apiUrl }: Pick<Stage, "apiUrl">, shopping: Shopping): Ask {
  return async ({ token, path, method = "POST", body = {}, key, mayBeRefused = [] }) => {
    const started = performance.now();
    const step = `${method} ${path.replaceAll(/[0-9a-f-]{36}/g, "…")}`;
    for (let why = "";;) {
      shopping.attempts++;
      const response = await fetch(`${apiUrl}${path}`, {
        method,
        headers: {
          "Authorization": `Bearer ${token}`,
          "Content-Type": "application/json",
          ...key !== undefined && { "Idempotency-Key": key },
        },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(patience(shopping)),
      }).catch(() => undefined);
      const answer = await response?.json().catch(() => undefined);
      const ms = performance.now() - started;
      if (ms > shopping.longest.ms) shopping.longest = { ms, call: step, why };
      if (response?.ok && answer) return { body: answer };
      const mayPass = !response || !answer || response.status === 503 ||
        answer.code === "idempotency_in_progress";
      if (!mayPass) {
        const expected = codesOf(answer).find((code) => mayBeRefused.includes(code));
        if (expected) count(shopping.refused, expected);
        else count(shopping.strange, `${step}: ${response.status} ${answer.code}`);
        return { problem: answer };
      }
      why = answer?.code ?? "no answer";
      if (ms > GIVE_UP_MS) {
        count(shopping.strange, `no answer for ${GIVE_UP_MS / 1000} s`);
        return {};
      }
      await delay(RETRY_MS);
    }
  };
}

/** What says why it was refused: the problem's code, and that of its reason where it has one alone. */
export function codesOf({ code, errors = [] }: Problem): string[] {
  return errors.length === 1 ? [code, errors[0]!.code] : [code];
}

function patience({ attempts }: Shopping): number {
  return attempts % LOST_EVERY === 0 ? attempts % 40 : PATIENCE_MS;
}

/** The customer's browser at the sandbox's bank: passes a 3-D Secure check, or fails it. */
export async function answerBank(
  { apiUrl }: Pick<Stage, "apiUrl">,
  shopping: Shopping,
  reference: string,
  outcome: "success" | "fail",
): Promise<void> {
  for (let more = true; more;) {
    shopping.attempts++;
    const response = await fetch(`${apiUrl}/sandbox/3ds/${reference}`, {
      method: "POST",
      body: new URLSearchParams({ outcome }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    }).catch(() => undefined);
    await response?.text().catch(() => {});
    more = !response || response.status === 503;
    if (more) await delay(RETRY_MS);
    else if (!response!.ok) count(shopping.strange, `3-D Secure: ${response!.status}`);
  }
}

export function count(counts: Record<string, number>, what: string): void {
  counts[what] = (counts[what] ?? 0) + 1;
}
