import type { Fragment, Sql, Tx } from "../platform/db.ts";
import { consigneeRecorded } from "./events.ts";
import type { SealedConsignee, StoredConsignee } from "./seal.ts";

/**
 * CTEs that begin with a comma, for the statement that places orders: each order that has a
 * `consignee` (the JSON of a {@link SealedConsignee}) gets its row and its event. Before them stand `order_event` with the
 * ids of the new orders, behind whose events these are, and `claimed` with `id, user_id, consignee, actor, request_id,
 * traceparent, created_at`.
 */
export function insertConsignees(sql: Sql | Tx): Fragment {
  return sql`, consignee as (
      insert into consignees (order_id, id_type, masked_name, masked_id, key_id, sealed, created_at, updated_at)
      select c.id, x.id_type, x.masked_name, x.masked_id, x.key_id, decode(x.sealed, 'base64'), c.created_at, c.created_at
      from order_event o join claimed c on c.id = o.id,
           jsonb_to_record(c.consignee) as x (
             id_type text, masked_name text, masked_id text, key_id text, sealed text)
      where c.consignee is not null
      returning order_id, id_type
    ), consignee_event as (
      insert into events (type, version, aggregate_type, aggregate_id, sequence, user_id, actor, request_id, traceparent,
                          data, occurred_at)
      select ${consigneeRecorded.type}, ${consigneeRecorded.version}::smallint, ${consigneeRecorded.aggregate},
             c.id::text, 1, c.user_id, c.actor, c.request_id, c.traceparent,
             jsonb_build_object('order_id', c.id, 'id_type', consignee.id_type, 'user_id', c.user_id), c.created_at
      from consignee join claimed c on c.id = consignee.order_id
    )`;
}

const storedColumns = (sql: Sql | Tx): Fragment =>
  sql`
    order_id, id_type, masked_name, masked_id, key_id, encode(sealed, 'base64') as sealed, created_at, updated_at`;

/** Who receives an order's goods, sealed; undefined where nobody said. */
export async function findConsignee(sql: Sql | Tx, orderId: string): Promise<StoredConsignee | undefined> {
  const [found] = await sql<StoredConsignee[]>`
    select ${storedColumns(sql)} from consignees where order_id = ${orderId}`;
  return found;
}

/** Adds or replaces the consignee of an order whose row is locked. */
export async function upsertConsignee(tx: Tx, row: SealedConsignee, now: Date): Promise<StoredConsignee> {
  const [stored] = await tx<StoredConsignee[]>`
    insert into consignees (order_id, id_type, masked_name, masked_id, key_id, sealed, created_at, updated_at)
    values (${row.order_id}, ${row.id_type}, ${row.masked_name}, ${row.masked_id}, ${row.key_id},
            decode(${row.sealed}, 'base64'), ${now}, ${now})
    on conflict (order_id) do update
      set id_type = excluded.id_type, masked_name = excluded.masked_name, masked_id = excluded.masked_id,
          key_id = excluded.key_id, sealed = excluded.sealed, updated_at = excluded.updated_at
    returning ${storedColumns(tx)}`;
  return stored!;
}
