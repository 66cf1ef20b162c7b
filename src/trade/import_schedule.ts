import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { type FieldError, invalidRequest } from "../platform/errors.ts";
import { appendEvents } from "../platform/events.ts";
import { newIdAfter } from "../platform/id.ts";
import { type Idempotency, once, type Outcome } from "../platform/idempotency.ts";
import { dayOf } from "./day.ts";
import { scheduleWasCreated } from "./events.ts";
import { findLatestSchedule, insertSchedule } from "./queries.ts";
import type { NewSchedule, ScheduleSummary } from "./schedule.ts";

const MAX_YEARS_AWAY = 10;
const MAX_ERRORS = 100;

/**
 * Writes down the law of a destination from a day on, in one go. What was written before stays: of schedules for the
 * same day the last one counts.
 *
 * @throws invalid_request for a rate that is there twice, or a day that is too far away to be meant
 */
export async function importSchedule(
  ctx: Ctx,
  input: NewSchedule,
  idempotency?: Idempotency,
): Promise<Outcome<ScheduleSummary>> {
  const now = ctx.clock.now();
  const errors = [...farAway(input.effective_from, now), ...rateTwice(input), ...taxTwice(input)];
  if (errors.length > 0) throw invalidRequest(errors);
  return await transaction(ctx.sql, (tx) =>
    once(tx, idempotency, async () => {
      const { duty_rates, ...rules } = input;
      const latest = await findLatestSchedule(tx, input);
      const schedule: ScheduleSummary = {
        id: newIdAfter(latest),
        ...rules,
        duty_rate_count: duty_rates.length,
        created_at: now.toISOString(),
      };
      await insertSchedule(tx, ctx, schedule, duty_rates);
      await appendEvents(tx, ctx, [scheduleWasCreated(schedule)]);
      return schedule;
    }));
}

function farAway(day: string, now: Date): FieldError[] {
  const away = (years: number) => {
    const date = new Date(now);
    date.setUTCFullYear(date.getUTCFullYear() + years);
    return dayOf(date);
  };
  const [first, last] = [away(-MAX_YEARS_AWAY), away(MAX_YEARS_AWAY)];
  if (day >= first && day <= last) return [];
  return [{ pointer: "/effective_from", code: "invalid", message: `must be between ${first} and ${last}` }];
}

function rateTwice({ duty_rates }: NewSchedule): FieldError[] {
  return findTwice(
    "/duty_rates",
    duty_rates,
    ({ hs_prefix, origin }) => `${hs_prefix || "all goods"} of ${origin ?? "any origin"}`,
  );
}

function taxTwice({ tax }: NewSchedule): FieldError[] {
  return findTwice(
    "/tax/rates",
    tax.rates,
    ({ hs_prefix, category }) =>
      `${hs_prefix || "all goods"}${category === null ? "" : ` of category ${category}`}`,
  );
}

/** Those of a list that are of the same goods as one before: a law must not say two things of them. */
function findTwice<T>(list: string, rates: T[], goodsOf: (rate: T) => string): FieldError[] {
  const seen = new Map<string, number>();
  const errors: FieldError[] = [];
  rates.forEach((rate, i) => {
    const goods = goodsOf(rate);
    const earlier = seen.get(goods);
    if (earlier === undefined) return void seen.set(goods, i);
    const message = `${goods} is at ${list}/${earlier} already`;
    errors.push({ pointer: `${list}/${i}/hs_prefix`, code: "duplicate", message });
  });
  return errors.slice(0, MAX_ERRORS);
}
