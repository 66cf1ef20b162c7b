import { hash, verify } from "@node-rs/argon2";
import { takingTurns } from "../platform/turns.ts";

/** OWASP's parameters for argon2id (2024): 19 MiB, two passes, one lane; some 15 ms of a core. */
const MEMORY_KIB = 19_456;
const PASSES = 2;
const LANES = 1;
/** `Algorithm.Argon2id`, which the package declares as a const enum. */
const ARGON2ID = 2;

/** The longest password, in characters. */
export const MAX_PASSWORD_LENGTH = 128;

/** At once, each with its 19 MiB and its core … */
const CONCURRENT = 2;
/** … and waiting: some two seconds' worth. More are refused rather than kept waiting for longer than they would. */
const WAITING = 256;
const inTurn = takingTurns({
  atATime: CONCURRENT,
  waiting: WAITING,
  refusal: "Too many passwords are being checked just now.",
});

/**
 * What is verified where there is no password to compare with, so that the answer takes as long: a hash of the
 * same cost that no password has.
 */
const NOBODYS_HASH = `$argon2id$v=19$m=${MEMORY_KIB},t=${PASSES},p=${LANES}$${"A".repeat(22)}$${
  "A".repeat(43)
}`;

/** How much of the costly work this process has done. */
export const passwordCounters = { hashed: 0, verified: 0 };

/** The password's argon2id hash in PHC form. @throws unavailable when too many wait */
export async function hashPassword(password: string): Promise<string> {
  return await inTurn(() => {
    passwordCounters.hashed++;
    return hash(normalise(password), {
      algorithm: ARGON2ID,
      memoryCost: MEMORY_KIB,
      timeCost: PASSES,
      parallelism: LANES,
    });
  });
}

/** Is it the password? Takes as long when there is no hash to compare with. @throws unavailable when too many wait */
export async function verifyPassword(
  password: string,
  passwordHash: string | null | undefined,
): Promise<boolean> {
  const matches = await inTurn(() => {
    passwordCounters.verified++;
    return verify(passwordHash ?? NOBODYS_HASH, normalise(password));
  });
  return matches && passwordHash !== null && passwordHash !== undefined;
}

/** NIST SP 800-63B: the same characters are the same password, however the keyboard composes them. */
function normalise(password: string): string {
  return password.normalize("NFKC");
}
