import { createHash, randomBytes } from "node:crypto";

/** 256 random bits for the one who gets them, and the hash that is kept: a stolen table opens no door. */
interface SecretToken {
  token: string;
  hash: Uint8Array;
}

/** A new one, for whatever door. */
export function newSecretToken(): SecretToken {
  const token = randomBytes(32).toString("base64url");
  return { token, hash: hashToken(token) };
}

/** SHA-256 without salt or stretching: nobody guesses 256 random bits. */
export function hashToken(token: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(token).digest());
}
