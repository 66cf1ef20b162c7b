/**
 * `deno task outbox COMMAND`: the events that Kafka did not take, for whoever may run commands on the server. Works on
 * DATABASE_URL, from the environment or `.env`.
 */

import { discardEvent, listOutbox, type OutboxEntry, replayEvent } from "../src/events/mod.ts";
import type { Ctx } from "../src/platform/ctx.ts";
import { asSystem, CommandError, parseCommandLine, runCommand } from "./command.ts";

const USAGE = `Usage: deno task outbox COMMAND

  list [--held]
      the events that were given up, the latest first; or those that wait to be sent
  replay POSITION
      sends an event that was given up; the workers do it at once
  discard POSITION
      never sends it to Kafka; it stays in the log, and what waits behind it goes on`;

const PAGE_SIZE = 100;

async function run(ctx: Ctx, args: string[]): Promise<void> {
  const { positionals: [name, given, ...rest], values: { held } } = parseCommandLine({
    args,
    allowPositionals: true,
    options: { held: { type: "boolean", default: false } },
  }, USAGE);
  const position = Number(given);
  if (name === "list" && given === undefined) return await printAll(ctx, held ? "held" : "dead");
  if (held || rest.length > 0 || !Number.isSafeInteger(position)) throw new CommandError(USAGE);
  if (name === "replay") {
    const entry = await replayEvent(ctx, position);
    console.log(`${entry.event_type} of ${entry.aggregate_type} ${entry.aggregate_id} will be sent.`);
  } else if (name === "discard") {
    await discardEvent(ctx, position);
    console.log(`${position} is discarded.`);
  } else throw new CommandError(USAGE);
}

async function printAll(ctx: Ctx, status: OutboxEntry["status"]): Promise<void> {
  let count = 0;
  let cursor: [number] | undefined;
  do {
    const { data, next } = await listOutbox(ctx, { status, cursor, limit: PAGE_SIZE });
    for (const each of data) {
      const what = `${each.event_type} ${each.aggregate_id} #${each.sequence}`;
      console.log(
        `${each.position}  ${what}  attempts: ${each.attempts}  ${each.error ?? "waits in its turn"}`,
      );
    }
    count += data.length;
    cursor = next as [number] | undefined;
  } while (cursor);
  if (count === 0) console.log(status === "dead" ? "No event was given up." : "No event waits.");
}

async function main(args: string[]): Promise<void> {
  if (args.length === 0) throw new CommandError(USAGE);
  await asSystem("outbox", Deno.env.toObject(), (ctx) => run(ctx, args));
}

if (import.meta.main) await runCommand(main);
