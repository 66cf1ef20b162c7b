import { Webhook } from "standardwebhooks";
import type { EventView } from "../events/mod.ts";
import { type Delivery, PING } from "./delivery.ts";

/** What a message says, and the id by which a receiver tells repeats; the same at each attempt. */
export interface Payload {
  id: string;
  body: string;
}

export function eventPayload(event: EventView): Payload {
  return {
    id: event.id,
    body: JSON.stringify({ type: event.type, timestamp: event.occurred_at, data: event }),
  };
}

export function pingPayload(ping: Pick<Delivery, "id" | "endpoint_id" | "created_at">): Payload {
  const data = { endpoint_id: ping.endpoint_id };
  return { id: ping.id, body: JSON.stringify({ type: PING, timestamp: ping.created_at, data }) };
}

/** Signs a payload with each of an endpoint's secrets, as the Standard Webhooks specification has it. */
export function sign(
  { id, body }: Payload,
  now: Date,
  endpointId: string,
  secrets: string[],
): { headers: Record<string, string>; body: string } {
  return {
    body,
    headers: {
      "content-type": "application/json",
      "user-agent": "Waybill-Webhooks",
      "waybill-endpoint-id": endpointId,
      "webhook-id": id,
      "webhook-timestamp": String(Math.floor(now.getTime() / 1000)),
      "webhook-signature": secrets.map((secret) => new Webhook(secret).sign(id, now, body)).join(" "),
    },
  };
}
