import type { z } from "@hono/zod-openapi";
import type { ConsigneeKey } from "../config.ts";
import { AppError } from "../platform/errors.ts";
import { type Consignee, maskId, maskName } from "./consignee.ts";
import type { ConsigneeSchema } from "./schemas.ts";

/** NIST SP 800-38D, 8.2: 96 bits, at random for each message. */
const NONCE_BYTES = 12;

/** A consignee as it may be kept and sent about: what can be read without a key tells nobody who it is. */
export interface SealedConsignee {
  order_id: string;
  id_type: string;
  masked_name: string;
  masked_id: string;
  /** Which key opens it. */
  key_id: string;
  /** Nonce, ciphertext and tag in base64. */
  sealed: string;
}

/** The same as its row has it. */
export interface StoredConsignee extends SealedConsignee {
  created_at: string;
  updated_at: string;
}

/** A consignee as the API shows it: masked. */
export type ConsigneeView = z.infer<typeof ConsigneeSchema>;

/** What may be shown of a consignee. */
export function consigneeView(stored: StoredConsignee): ConsigneeView {
  const { order_id, id_type, masked_name, masked_id, created_at, updated_at } = stored;
  return { order_id, id_type, masked_name, masked_id, created_at, updated_at };
}

/**
 * Encrypts name and number (AES-256-GCM) under the first key. It belongs to its order: under another order's id it
 * does not open.
 *
 * @throws unavailable where no key is configured
 */
export async function sealConsignee(
  keys: readonly ConsigneeKey[],
  orderId: string,
  { name, id_type, id_number }: Consignee,
): Promise<SealedConsignee> {
  const [key] = keys;
  if (!key) {
    throw new AppError(
      "unavailable",
      "This server cannot keep identity numbers: it has no CONSIGNEE_KEY to encrypt them with.",
    );
  }
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const plain = new TextEncoder().encode(JSON.stringify({ name, id_number }));
  const ciphertext = await crypto.subtle.encrypt(
    cipher(nonce, orderId),
    await importKey(key, "encrypt"),
    plain,
  );
  return {
    order_id: orderId,
    id_type,
    masked_name: maskName(name),
    masked_id: maskId(id_number),
    key_id: key.id,
    sealed: new Uint8Array([...nonce, ...new Uint8Array(ciphertext)]).toBase64(),
  };
}

/**
 * Reads what {@link sealConsignee} made, under whichever of the keys it was.
 *
 * @throws unavailable where its key is not configured any more; Error if it is not what was sealed for this order
 */
export async function openConsignee(
  keys: readonly ConsigneeKey[],
  { order_id, id_type, key_id, sealed }: SealedConsignee,
): Promise<Consignee> {
  const key = keys.find(({ id }) => id === key_id);
  if (!key) {
    throw new AppError(
      "unavailable",
      "The key that encrypted this consignee is neither CONSIGNEE_KEY nor one of CONSIGNEE_KEY_PREVIOUS.",
    );
  }
  const bytes = Uint8Array.fromBase64(sealed);
  const plain = await crypto.subtle.decrypt(
    cipher(bytes.subarray(0, NONCE_BYTES), order_id),
    await importKey(key, "decrypt"),
    bytes.subarray(NONCE_BYTES),
  ).catch((cause) => {
    throw new Error(`The consignee of order ${order_id} is not what was sealed for it.`, { cause });
  });
  return { id_type, ...JSON.parse(new TextDecoder().decode(plain)) };
}

function cipher(nonce: Uint8Array<ArrayBuffer>, orderId: string): AesGcmParams {
  return { name: "AES-GCM", iv: nonce, additionalData: new TextEncoder().encode(orderId) };
}

async function importKey({ secret }: ConsigneeKey, usage: "encrypt" | "decrypt"): Promise<CryptoKey> {
  return await crypto.subtle.importKey("raw", secret as BufferSource, "AES-GCM", false, [usage]);
}
