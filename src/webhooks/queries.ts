import type { Sql, Tx } from "../platform/db.ts";
import { sweepTable } from "../platform/sweep_job.ts";
import type { Attempt, Delivery } from "./delivery.ts";
import type { Endpoint } from "./endpoint.ts";

const endpointColumns = (sql: Sql | Tx) =>
  sql`
    id, url, description, to_json(event_types) as event_types, status, disabled_reason,
    previous_secret_until, version, created_at, updated_at`;

export async function insertEndpoint(tx: Tx, endpoint: Endpoint, sealedSecret: string): Promise<void> {
  const { id, url, description, event_types, created_at, updated_at } = endpoint;
  await tx`
    insert into webhook_endpoints (id, url, description, event_types, secret, created_at, updated_at)
    values (${id}, ${url}, ${description}, ${event_types}, ${sealedSecret}, ${created_at}, ${updated_at})`;
}

export async function findEndpoint(sql: Sql | Tx, id: string): Promise<Endpoint | undefined> {
  const [endpoint] = await sql<Endpoint[]>`
    select ${endpointColumns(sql)} from webhook_endpoints where id = ${id}`;
  return endpoint;
}

/** Holds the endpoint until the transaction ends; new deliveries, which refer to it, do not wait. Before any delivery. */
export async function lockEndpoint(tx: Tx, id: string): Promise<Endpoint | undefined> {
  const [endpoint] = await tx<Endpoint[]>`
    select ${endpointColumns(tx)} from webhook_endpoints where id = ${id} for no key update`;
  return endpoint;
}

export async function listEndpoints(
  sql: Sql,
  { beforeId, limit }: { beforeId?: string; limit: number },
): Promise<Endpoint[]> {
  return await sql<Endpoint[]>`
    select ${endpointColumns(sql)} from webhook_endpoints
    where true ${beforeId === undefined ? sql`` : sql`and id < ${beforeId}`}
    order by id desc limit ${limit + 1}`;
}

/** Writes a locked endpoint's next version. */
export async function updateEndpoint(tx: Tx, endpoint: Endpoint): Promise<void> {
  await tx`
    update webhook_endpoints
    set url = ${endpoint.url}, description = ${endpoint.description},
        event_types = ${endpoint.event_types}, status = ${endpoint.status},
        disabled_reason = ${endpoint.disabled_reason}, version = ${endpoint.version},
        updated_at = ${endpoint.updated_at}
    where id = ${endpoint.id}`;
}

/** Puts a new secret in a locked endpoint; the one before signs along until its `previous_secret_until`, if it has one. */
export async function replaceSecret(
  tx: Tx,
  endpoint: Endpoint,
  sealedSecret: string,
): Promise<void> {
  const { id, previous_secret_until, version, updated_at } = endpoint;
  await tx`
    update webhook_endpoints
    set previous_secret = case when ${previous_secret_until}::timestamptz is null then null else secret end,
        previous_secret_until = ${previous_secret_until}, secret = ${sealedSecret}, version = ${version},
        updated_at = ${updated_at}
    where id = ${id}`;
}

/** An endpoint's secrets, as they are sealed. */
export interface SealedSecrets {
  id: string;
  secret: string;
  previous_secret: string | null;
}

export async function listSealedSecrets(sql: Sql): Promise<SealedSecrets[]> {
  return await sql<SealedSecrets[]>`select id, secret, previous_secret from webhook_endpoints order by id`;
}

/**
 * Puts other seals on the same secrets, unless these were replaced meanwhile: then `secret` differs, whatever became of the
 * one before it.
 */
export async function replaceSeals(
  sql: Sql,
  before: SealedSecrets,
  now: Omit<SealedSecrets, "id">,
): Promise<void> {
  await sql`
    update webhook_endpoints set secret = ${now.secret}, previous_secret = ${now.previous_secret}
    where id = ${before.id} and secret = ${before.secret}`;
}

/** Its deliveries go first, batch by batch: with a busy month of them a single statement would meet its time limit, each time. */
export async function deleteEndpoint(sql: Sql, id: string): Promise<void> {
  await sweepTable(sql, "webhook_deliveries", sql`endpoint_id = ${id}`, new AbortController().signal);
  await sql`delete from webhook_endpoints where id = ${id}`;
}

/**
 * Who gets events now. They are held against deletion until the transaction ends: a delivery to one that is gone would
 * fail, and with it the whole batch that it is made in.
 */
export async function listSubscribers(
  tx: Tx,
): Promise<Pick<Endpoint, "id" | "event_types" | "created_at">[]> {
  return await tx<Pick<Endpoint, "id" | "event_types" | "created_at">[]>`
    select id, to_json(event_types) as event_types, created_at from webhook_endpoints
    where status = 'enabled' order by id for key share`;
}

export async function countSubscribers(sql: Sql): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::int as count from webhook_endpoints where status = 'enabled'`;
  return row!.count;
}

/** A delivery that is to be made at once. */
export interface NewDelivery {
  id: string;
  endpoint_id: string;
  /** Null for a ping. */
  event_position: number | null;
  event_type: string;
}

/** Adds deliveries, but for events that an endpoint has one of already: a job that finds none has nothing to do. */
export async function insertDeliveries(tx: Tx, now: Date, deliveries: NewDelivery[]): Promise<void> {
  await tx`
    insert into webhook_deliveries (id, endpoint_id, event_position, event_type, next_attempt_at, created_at)
    select id, endpoint_id, event_position, event_type, ${now}::timestamptz, ${now}::timestamptz
    from jsonb_to_recordset(${tx.json(deliveries as never)}) as d (
      id uuid, endpoint_id uuid, event_position bigint, event_type text
    )
    on conflict (endpoint_id, event_position) do nothing`;
}

const selectDeliveries = (sql: Sql | Tx) =>
  sql`
    select d.id, d.endpoint_id, e.id as event_id, d.event_type, d.status, d.attempts, d.next_attempt_at, d.created_at,
           d.finished_at
    from webhook_deliveries d left join events e on e.position = d.event_position`;

export async function findDelivery(sql: Sql | Tx, id: string): Promise<Delivery | undefined> {
  const [delivery] = await sql<Delivery[]>`${selectDeliveries(sql)} where d.id = ${id}`;
  return delivery;
}

/** Holds the delivery until the transaction ends. */
export async function lockDelivery(tx: Tx, id: string): Promise<Delivery | undefined> {
  const [delivery] = await tx<Delivery[]>`${selectDeliveries(tx)} where d.id = ${id} for update of d`;
  return delivery;
}

/** The status is in the planner's sight (only ever one of our words) and sorted by, for the index of the few not delivered. */
export async function listDeliveries(
  sql: Sql,
  { endpointId, status, beforeId, limit }: {
    endpointId: string;
    status?: Delivery["status"];
    beforeId?: string;
    limit: number;
  },
): Promise<Delivery[]> {
  const isRare = status === "pending" || status === "failed";
  return await sql<Delivery[]>`
    ${selectDeliveries(sql)}
    where d.endpoint_id = ${endpointId}
      ${status === undefined ? sql`` : sql`and d.status = any(${sql.unsafe(`'{${status}}'`)}::text[])`}
      ${beforeId === undefined ? sql`` : sql`and d.id < ${beforeId}`}
    order by ${isRare ? sql`d.status,` : sql``} d.id desc limit ${limit + 1}`;
}

export async function listAttempts(sql: Sql, deliveryId: string): Promise<Attempt[]> {
  return await sql<Attempt[]>`
    select attempt, attempted_at, duration_ms, response_status, response_body, error
    from webhook_attempts where delivery_id = ${deliveryId} order by attempt`;
}

/** What an attempt needs to know: the delivery, where it goes, and with which secrets. */
export interface DeliveryTask {
  id: string;
  attempts: number;
  /** When this attempt was due: of a pending delivery there always is one. */
  next_attempt_at: string;
  created_at: string;
  /** Null for a ping. */
  event_position: number | null;
  endpoint_id: string;
  url: string;
  endpoint_status: Endpoint["status"];
  secret: string;
  previous_secret: string | null;
  previous_secret_until: string | null;
}

export async function findDeliveryTask(sql: Sql, deliveryId: string): Promise<DeliveryTask | undefined> {
  const [task] = await sql<DeliveryTask[]>`
    select d.id, d.attempts, d.next_attempt_at, d.created_at, d.event_position, d.endpoint_id, w.url,
           w.status as endpoint_status, w.secret, w.previous_secret, w.previous_secret_until
    from webhook_deliveries d join webhook_endpoints w on w.id = d.endpoint_id
    where d.id = ${deliveryId}`;
  return task;
}

/** Moves a delivery on from the attempt before. @returns false if somebody else recorded this attempt */
export async function moveDelivery(
  tx: Tx,
  id: string,
  attempt: number,
  next: { status: Delivery["status"]; nextAttemptAt: Date | null; finishedAt: Date | null },
): Promise<boolean> {
  const moved = await tx`
    update webhook_deliveries
    set status = ${next.status}, attempts = ${attempt}, next_attempt_at = ${next.nextAttemptAt},
        finished_at = ${next.finishedAt}
    where id = ${id} and attempts = ${attempt - 1}`;
  return moved.count > 0;
}

export async function insertAttempt(tx: Tx, deliveryId: string, attempt: Attempt): Promise<void> {
  await tx`insert into webhook_attempts ${tx({ delivery_id: deliveryId, ...attempt })}`;
}

/** Makes a locked, finished delivery wait for another attempt. */
export async function reopenDelivery(tx: Tx, id: string, now: Date): Promise<void> {
  await tx`
    update webhook_deliveries set status = 'pending', next_attempt_at = ${now}, finished_at = null where id = ${id}`;
}

/** Did any delivery to the endpoint succeed since then? */
export async function succeededSince(tx: Tx, endpointId: string, since: string): Promise<boolean> {
  const [row] = await tx<{ exists: boolean }[]>`
    select exists (
      select from webhook_deliveries
      where endpoint_id = ${endpointId} and status = 'succeeded' and finished_at >= ${since})`;
  return row!.exists;
}

/** Removes what was finished longer than 30 days ago, with its attempts. Gives how many. */
export async function deleteOldDeliveries(sql: Sql, signal: AbortSignal): Promise<number> {
  const isOver = sql`finished_at < now() - interval '30 days'`;
  return await sweepTable(sql, "webhook_deliveries", isOver, signal);
}
