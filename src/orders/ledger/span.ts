import type { z } from "@hono/zod-openapi";
import { AppError } from "../../platform/errors.ts";
import { boundMs, LAST_TIME } from "../../platform/made_within.ts";
import type { ReportQuery } from "./schemas.ts";

/** A span of time, `from` ≤ t < `to`. */
export interface Span {
  from: Date;
  to: Date;
}

/** The span that is asked for: from the first of this month (UTC) to the first of the next where it is not said. @throws invalid_request */
export function spanOf(query: Pick<z.infer<typeof ReportQuery>, "from" | "to">, now: Date): Span {
  const month = monthOf(now);
  const from = query.from === undefined ? month.from : boundOf(query.from);
  const to = query.to === undefined ? month.to : boundOf(query.to);
  if (from >= to) throw emptySpan(from, to);
  return { from, to };
}

/** As lists take it: what was booked in the last millisecond of a day is before `23:59:59.999999`. */
function boundOf(text: string): Date {
  return new Date(Math.min(boundMs(text), LAST_TIME));
}

/** The calendar month of a time, in UTC. */
function monthOf(now: Date): Span {
  const [year, month] = [now.getUTCFullYear(), now.getUTCMonth()];
  return { from: new Date(Date.UTC(year, month)), to: new Date(Date.UTC(year, month + 1)) };
}

function emptySpan(from: Date, to: Date): AppError {
  const message = `must be after ${from.toISOString()}, where the report begins, and not ${to.toISOString()}`;
  return new AppError("invalid_request", `query/to ${message}`, {
    errors: [{ pointer: "query/to", code: "invalid", message }],
  });
}
