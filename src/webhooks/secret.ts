import { compactDecrypt, CompactEncrypt, decodeProtectedHeader, errors } from "jose";
import type { Config, SigningKey } from "../config.ts";

const SECRET_BYTES = 32;
/** What the key that encrypts is for: no other key of ours can be made from the same secret. */
const PURPOSE = new TextEncoder().encode("waybill webhook secrets");

/** A secret as the Standard Webhooks specification writes it. */
export function newSecret(): string {
  return `whsec_${crypto.getRandomValues(new Uint8Array(SECRET_BYTES)).toBase64()}`;
}

/** Encrypts a secret for the database (JWE compact, A256GCM), with a key made from the current SECRET_KEY. */
export async function seal(config: Pick<Config, "signingKeys">, secret: string): Promise<string> {
  const current = config.signingKeys[0]!;
  return await new CompactEncrypt(new TextEncoder().encode(secret))
    .setProtectedHeader({ alg: "dir", enc: "A256GCM", kid: current.kid })
    .encrypt(await encryptionKey(current));
}

/** Was it sealed with a key that is not the current one? */
export function isSealedByOlder({ signingKeys }: Pick<Config, "signingKeys">, sealed: string): boolean {
  return decodeProtectedHeader(sealed).kid !== signingKeys[0]!.kid;
}

/** Reads what {@link seal} made, also under a SECRET_KEY_PREVIOUS. @throws JOSEError where the key is not there any more */
export async function unseal(config: Pick<Config, "signingKeys">, sealed: string): Promise<string> {
  const { plaintext } = await compactDecrypt(sealed, async ({ kid }) => {
    const key = config.signingKeys.find((each) => each.kid === kid);
    if (!key) throw new errors.JOSEError("The SECRET_KEY that encrypted it is not configured any more.");
    return await encryptionKey(key);
  }, { keyManagementAlgorithms: ["dir"], contentEncryptionAlgorithms: ["A256GCM"] });
  return new TextDecoder().decode(plaintext);
}

async function encryptionKey({ secret }: SigningKey): Promise<CryptoKey> {
  const material = await crypto.subtle.importKey("raw", secret as BufferSource, "HKDF", false, ["deriveKey"]);
  return await crypto.subtle.deriveKey(
    { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: PURPOSE },
    material,
    { name: "AES-GCM", length: 256 },
    false,
    ["encrypt", "decrypt"],
  );
}
