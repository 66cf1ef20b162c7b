import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { readEvents } from "../platform/event_log.ts";
import { eventView } from "../events/mod.ts";
import type { Attempt } from "./delivery.ts";
import { deliverWebhook } from "./jobs.ts";
import { eventPayload, type Payload, pingPayload, sign } from "./message.ts";
import { post } from "./post.ts";
import {
  type DeliveryTask,
  findDeliveryTask,
  insertAttempt,
  lockEndpoint,
  moveDelivery,
  succeededSince,
  updateEndpoint,
} from "./queries.ts";
import { type AttemptResult, GIVE_UP_MS, OVERDUE_MS, type Verdict, verdictOn } from "./schedule.ts";
import { unseal } from "./secret.ts";
import { ForbiddenTargetError } from "./target.ts";

const TIMEOUT_MS = 15_000;
const MAX_ERROR_LENGTH = 500;

type Result = AttemptResult & Pick<Attempt, "duration_ms" | "response_body" | "error">;

/**
 * Makes one attempt of a delivery and records it, together with the job of the next. If the process is killed in
 * between, the attempt is made again: the receiver gets the message at least once. An attempt that was recorded
 * before is left alone; a delivery that is over has no other until staff open it again.
 */
export async function deliver(
  ctx: Ctx,
  { delivery_id: id, attempt }: { delivery_id: string; attempt: number },
  signal: AbortSignal,
): Promise<void> {
  const task = await findDeliveryTask(ctx.sql, id);
  if (task?.attempts !== attempt - 1) return;
  const attemptedAt = ctx.clock.now();
  const isPing = task.event_position === null;
  if (task.endpoint_status === "disabled" && !isPing) {
    const result = { duration_ms: 0, response_body: null, error: "Not sent: the endpoint is disabled." };
    return await record(ctx, { attempt, attemptedAt, task, result }, {
      status: "failed",
      because: "disabled",
    });
  }
  const result = await tryToSend(ctx, task, attemptedAt, signal);
  signal.throwIfAborted();
  const createdAt = new Date(task.created_at);
  const verdict = verdictOn(ctx.clock.now(), { createdAt, isPing }, attempt, result);
  await record(ctx, { attempt, attemptedAt, task, result }, verdict);
}

async function payloadOf(ctx: Ctx, task: DeliveryTask): Promise<Payload> {
  const { event_position: position } = task;
  if (position === null) return pingPayload(task);
  const { events } = await readEvents(ctx.sql, { after: position - 1, upTo: position, limit: 1 });
  return eventPayload(eventView(ctx.actor, events[0]!));
}

/** Whatever goes wrong on the way is the attempt's result. */
async function tryToSend(
  ctx: Ctx,
  task: DeliveryTask,
  now: Date,
  signal: AbortSignal,
): Promise<Result> {
  const payload = await payloadOf(ctx, task);
  const started = performance.now();
  const duration = () => Math.round(performance.now() - started);
  try {
    const secrets = [await unseal(ctx.config, task.secret)];
    if (task.previous_secret && task.previous_secret_until! > now.toISOString()) {
      // Whoever lost its SECRET_KEY has given the endpoint a new secret for that very reason: it signs alone.
      const previous = await unseal(ctx.config, task.previous_secret).catch(() => undefined);
      if (previous) secrets.push(previous);
    }
    const { status, body, retryAfter } = await post({
      url: task.url,
      ...sign(payload, now, task.endpoint_id, secrets),
      timeoutMs: TIMEOUT_MS,
      signal,
      allowPrivateAddresses: ctx.config.webhookAllowPrivateAddresses,
    });
    return { status, retryAfter, duration_ms: duration(), response_body: body, error: null };
  } catch (error) {
    return { duration_ms: duration(), response_body: null, error: wordsFor(error) };
  }
}

/** For staff to read in the delivery's log. */
function wordsFor(error: unknown): string {
  if (error instanceof ForbiddenTargetError) return `Not sent: the URL ${error.message}.`;
  const { message, code } = error as { message?: string; code?: unknown };
  return `${typeof code === "string" ? `${code}: ` : ""}${message}`.slice(0, MAX_ERROR_LENGTH);
}

interface Made {
  attempt: number;
  attemptedAt: Date;
  task: DeliveryTask;
  result: Result;
}

/** Locks the endpoint before the delivery, as deleting one does. */
async function record(
  ctx: Ctx,
  { attempt, attemptedAt, task, result }: Made,
  decided: Verdict,
): Promise<void> {
  const now = ctx.clock.now();
  const mayDisable = decided.status === "failed" &&
    (decided.because === "gone" || (decided.because === "exhausted" && !isBelated(task, attemptedAt)));
  const disabled = await transaction(ctx.sql, async (tx) => {
    const endpoint = mayDisable ? await lockEndpoint(tx, task.endpoint_id) : undefined;
    // What was said at an address that staff have changed meanwhile says nothing of the new one, which is tried at once.
    const isMoved = endpoint !== undefined && endpoint.url !== task.url;
    const verdict: Verdict = isMoved ? { status: "pending", nextAttemptAt: now } : decided;
    const nextAttemptAt = verdict.status === "pending" ? verdict.nextAttemptAt : null;
    const finishedAt = nextAttemptAt ? null : now;
    if (!await moveDelivery(tx, task.id, attempt, { status: verdict.status, nextAttemptAt, finishedAt })) {
      return;
    }
    const { status, duration_ms, response_body, error } = result;
    await insertAttempt(tx, task.id, {
      attempt,
      attempted_at: attemptedAt.toISOString(),
      duration_ms,
      response_status: status ?? null,
      response_body,
      error,
    });
    if (nextAttemptAt) {
      const next = { delivery_id: task.id, attempt: attempt + 1 };
      const options = { startAfter: nextAttemptAt, groups: [task.endpoint_id] };
      await ctx.jobs.enqueue(tx, deliverWebhook, [next], options);
    }
    if (endpoint?.status !== "enabled" || verdict.status !== "failed") return;
    if (verdict.because === "exhausted" && await succeededSince(tx, endpoint.id, task.created_at)) return;
    await updateEndpoint(tx, {
      ...endpoint,
      status: "disabled",
      disabled_reason: verdict.because === "gone"
        ? "The receiver answered 410 Gone."
        : "No delivery succeeded for three days.",
      version: endpoint.version + 1,
      updated_at: now.toISOString(),
    });
    return endpoint.id;
  });
  if (disabled) ctx.log.warn("webhook endpoint disabled", { endpoint_id: disabled });
}

/**
 * Is this attempt later than any of the schedule's, since staff asked for it, or since no worker came for it in time? It says
 * nothing of the days before.
 */
function isBelated({ created_at, next_attempt_at }: DeliveryTask, attemptedAt: Date): boolean {
  const end = Date.parse(created_at) + GIVE_UP_MS;
  return Date.parse(next_attempt_at) > end || attemptedAt.getTime() > end + OVERDUE_MS;
}
