import { hkdfSync, timingSafeEqual } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { z } from "@hono/zod-openapi";
import type { SigningKey } from "../../config.ts";
import { newId } from "../../platform/id.ts";
import type { ProviderEvent } from "./provider.ts";

const TOLERANCE_MS = 5 * 60_000;
/** What the secret is for: no other key of ours can be made from the same SECRET_KEY. */
const PURPOSE = "waybill sandbox webhooks";

/** A request that the sandbox's bank sends, ready to be posted. */
export interface SandboxWebhook {
  headers: Record<string, string>;
  body: string;
}

const Message = z.object({ type: z.string(), data: z.object({ reference: z.string() }) });

/** A secret as the Standard Webhooks specification writes it; the same for the same key. */
export function sandboxSecret(key: SigningKey): string {
  const bytes = hkdfSync("sha256", key.secret, new Uint8Array(), PURPOSE, 32);
  return `whsec_${new Uint8Array(bytes).toBase64()}`;
}

/** Signs a message as the Standard Webhooks specification has it. The same `id` again makes a repeat. */
export function signSandboxWebhook(
  secret: string,
  { id = `evt_${newId()}`, type, reference }: { id?: string; type: string; reference: string },
  now: Date,
): SandboxWebhook {
  const body = JSON.stringify({ type, timestamp: now.toISOString(), data: { reference } });
  return {
    body,
    headers: {
      "content-type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": String(Math.floor(now.getTime() / 1000)),
      "webhook-signature": new Webhook(secret).sign(id, now, body),
    },
  };
}

/** What the message says; undefined unless it is signed, whole, and not more than five minutes from `now`. */
export function verifySandboxWebhook(
  secret: string,
  body: Uint8Array,
  headers: Headers,
  now: Date,
): ProviderEvent | undefined {
  const id = headers.get("webhook-id");
  const sentAt = secondsOf(headers.get("webhook-timestamp"));
  const text = textOf(body);
  if (!id || !sentAt || text === undefined) return undefined;
  // Not the library's `verify`: it asks the system for the time.
  if (Math.abs(now.getTime() - sentAt.getTime()) > TOLERANCE_MS) return undefined;
  const expected = new Webhook(secret).sign(id, sentAt, text);
  const signatures = headers.get("webhook-signature")?.split(" ") ?? [];
  if (!signatures.some((signature) => isSame(signature, expected))) return undefined;
  const message = Message.safeParse(parsed(text));
  if (!message.success) return undefined;
  return { id, type: message.data.type, reference: message.data.data.reference };
}

function secondsOf(header: string | null): Date | undefined {
  return header && /^\d{1,12}$/.test(header) ? new Date(Number(header) * 1000) : undefined;
}

/** The bytes as text without any loss, so that who signed the text signed the bytes. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [one, other].map((text) => new TextEncoder().encode(text)) as [Uint8Array, Uint8Array];
  return a.length === b.length && timingSafeEqual(a, b);
}
