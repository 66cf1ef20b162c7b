import type { Sql, Tx } from "../../src/platform/db.ts";

/** A CloudEvent as it came out of Kafka. */
export interface ConsumedEvent {
  id: string;
  type: string;
  // deno-lint-ignore no-explicit-any
  data: any;
}

/** What this example makes of the events: orders and revenue by day and currency, and units by SKU. */
export const HANDLED_TYPES = ["order.created", "order.cancelled", "order.expired", "inventory.updated"];

/** Makes the tables, in a schema of their own. In your system they stand in your own database. */
export async function createTables(sql: Sql): Promise<void> {
  await sql.unsafe(`
    create schema if not exists consumer_example;
    create table if not exists consumer_example.inbox (
      consumer    text not null,
      event_id    uuid not null,
      received_at timestamptz not null default now(),
      primary key (consumer, event_id)
    );
    create table if not exists consumer_example.daily_orders (
      consumer text not null,
      day      date not null,
      currency text not null,
      orders   integer not null,
      revenue  bigint not null,
      primary key (consumer, day, currency)
    );
    create table if not exists consumer_example.stock_units (
      consumer text not null,
      sku      text not null,
      on_hand  integer not null,
      reserved integer not null,
      primary key (consumer, sku)
    );`);
}

/** Those of the events that this consumer has not seen; from now on it has, if the transaction commits. */
export async function takeIn(tx: Tx, consumer: string, events: ConsumedEvent[]): Promise<ConsumedEvent[]> {
  const rows = await tx<{ event_id: string }[]>`
    insert into consumer_example.inbox (consumer, event_id)
    select ${consumer}, id from unnest(${events.map(({ id }) => id)}::uuid[]) as id
    on conflict do nothing
    returning event_id`;
  const fresh = new Set(rows.map(({ event_id }) => event_id));
  // An event that came twice in these messages is fresh once.
  return events.filter(({ id }) => fresh.delete(id));
}

/** The effect of an event. It adds up, so it must happen once for each event. */
export async function project(tx: Tx, consumer: string, { type, data }: ConsumedEvent): Promise<void> {
  switch (type) {
    case "order.created":
      return await addOrders(tx, consumer, data, 1);
    case "order.cancelled":
    case "order.expired":
      return await addOrders(tx, consumer, data, -1);
    case "inventory.updated":
      await tx`
        insert into consumer_example.stock_units as s (consumer, sku, on_hand, reserved)
        values (${consumer}, ${data.sku}, ${data.on_hand_delta}, ${data.reserved_delta})
        on conflict (consumer, sku) do update
          set on_hand = s.on_hand + excluded.on_hand, reserved = s.reserved + excluded.reserved`;
  }
}

async function addOrders(
  tx: Tx,
  consumer: string,
  order: ConsumedEvent["data"],
  count: 1 | -1,
): Promise<void> {
  await tx`
    insert into consumer_example.daily_orders as d (consumer, day, currency, orders, revenue)
    values (${consumer}, ${order.placed_at.slice(0, 10)}, ${order.currency}, ${count}, ${
    count * order.total_price
  })
    on conflict (consumer, day, currency) do update
      set orders = d.orders + excluded.orders, revenue = d.revenue + excluded.revenue`;
}
