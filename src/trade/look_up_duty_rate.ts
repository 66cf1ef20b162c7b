import type { z } from "@hono/zod-openapi";
import type { Ctx } from "../platform/ctx.ts";
import { notFound } from "../platform/errors.ts";
import { newId } from "../platform/id.ts";
import { findDutyRate } from "./duty.ts";
import type { DutyRate } from "./facts.ts";
import { findTradeFacts } from "./queries.ts";
import type { DutyRateAnswerSchema, DutyRateQuery } from "./schemas.ts";

/** Looks up what duty goods of a code bear, as a quote would. @throws not_found where no schedule is in force */
export async function lookUpDutyRate(
  ctx: Ctx,
  input: z.output<typeof DutyRateQuery>,
): Promise<z.output<typeof DutyRateAnswerSchema>> {
  const { schedule } = await findTradeFacts(ctx.sql, {
    destination: input.destination,
    on: input.on === undefined ? ctx.clock.now() : new Date(input.on),
    currencies: [],
    products: [{ id: newId(), hs_code: input.hs_code }],
  });
  if (!schedule) throw notFound("trade schedule in force");
  const { id, destination, effective_from, source, duty_rates } = schedule;
  const origin = input.origin ?? null;
  const rate = findDutyRate(schedule, input.hs_code, origin) ?? null;
  return {
    schedule: { id, destination, effective_from, source },
    hs_code: input.hs_code,
    origin,
    rate,
    reason: rate
      ? reasonFor(rate)
      : "No rate of the schedule is for goods of this code and origin: what duty they bear is not known.",
    candidates: duty_rates,
  };
}

function reasonFor({ hs_prefix, origin }: DutyRate): string {
  const goods = hs_prefix ? `goods whose code begins with ${hs_prefix}` : "all goods";
  return `It is for ${goods}, ${
    origin ? `from ${origin}` : "of any origin"
  }. Of the rates that fit, the longest ` +
    "prefix counts; of equal ones, that for the origin before that for any.";
}
