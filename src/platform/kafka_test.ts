import { assertEquals } from "@std/assert";
import { loadConfig } from "../config.ts";
import { messageOf, type OutgoingEvent, topicOf } from "./kafka.ts";

const EVENT: OutgoingEvent = {
  position: 42,
  id: "3f1c9a52-1d4e-4f0e-9a9a-0a3f6c1b2d3e",
  type: "order.created",
  version: 1,
  aggregate_type: "order",
  aggregate_id: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11",
  sequence: 1,
  traceparent: null,
  occurred_at: "2026-01-31T12:00:00.000Z",
  data: '{"number": "WB-1 ü"}',
};

const kafka = (env: Record<string, string> = {}) =>
  loadConfig({
    APP_ENV: "local",
    DATABASE_URL: "postgres://localhost/x",
    KAFKA_BOOTSTRAP_SERVERS: "localhost:9092",
    ...env,
  }).kafka!;

Deno.test("A message is a CloudEvent in binary mode, keyed by its aggregate", () => {
  const { key, value, headers } = messageOf(EVENT);
  assertEquals(key, EVENT.aggregate_id);
  assertEquals(value.toString(), EVENT.data);
  assertEquals(headers, {
    "content-type": "application/json",
    ce_specversion: "1.0",
    ce_id: EVENT.id,
    ce_source: "/waybill",
    ce_type: "order.created",
    ce_time: "2026-01-31T12:00:00.000Z",
    ce_subject: EVENT.aggregate_id,
    ce_dataversion: "1",
    ce_sequence: "1",
    ce_position: "42",
  });
});

Deno.test("A message carries the trace that the event began in, where there is one", () => {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  assertEquals(messageOf({ ...EVENT, traceparent }).headers?.traceparent, traceparent);
});

Deno.test("Each kind of thing has its topic, named by the config or else after it", () => {
  const named = kafka({ KAFKA_ORDERS_TOPIC: "shop.orders" });
  assertEquals(topicOf(named, EVENT), "shop.orders");
  assertEquals(topicOf(named, { type: "inventory.updated", aggregate_type: "inventory" }), "stock-events");
  assertEquals(topicOf(named, { type: "cart.closed", aggregate_type: "cart" }), "cart-events");
});

Deno.test("In the layout by type each type of event has a topic of its name", () => {
  assertEquals(topicOf(kafka({ KAFKA_TOPIC_LAYOUT: "type" }), EVENT), "order.created");
});
