import { createHash } from "node:crypto";
import type { Context } from "hono";
import { AppError, invalidHeader, type RequireSame } from "../platform/errors.ts";

/** Says which version the answer shows, as its `ETag`. */
export function setEtag(c: Context, version: number): void {
  c.set("etag", `"${version}"`);
}

/** Sets `ETag`; true when the caller has this version already (`If-None-Match`), so that a 304 will do. */
export function isUnchanged(c: Context, version: number): boolean {
  return isTagged(c, `"${version}"`);
}

/** Like `isUnchanged`, for what also changes without a new version: its tag is made of all that is answered. */
export function isSame(c: Context, answer: object): boolean {
  return isTagged(c, tagOf(answer));
}

/** As {@link isUnchanged}, for a tag that is known already. Compared weakly, and `*` is any (RFC 9110, 13.1.2). */
export function isTagged(c: Context, tag: string): boolean {
  c.set("etag", tag);
  const known = c.req.header("If-None-Match")?.split(",").map((each) => each.trim().replace(/^W\//, "")) ??
    [];
  return known.includes(tag) || known.includes("*");
}

/** The version that `If-Match` demands; undefined when the caller did not ask. @throws invalid_request */
export function expectedVersion(c: Context): number | undefined {
  const version = expectedTag(c, /^"\d{1,9}"$/, `"3"`);
  return version === undefined ? undefined : Number(version.slice(1, -1));
}

/**
 * Like `expectedVersion`, for what is tagged by all that is answered: gives what refuses the thing where it is not, or not
 * any more, as the caller knows it. To be asked while nobody else can change it. @throws invalid_request
 */
export function expecting(c: Context, thing: string): RequireSame {
  const expected = expectedTag(c, /^"[\w-]{1,43}"$/, tagOf({}));
  return (now) => {
    if (expected === undefined || (now && tagOf(now) === expected)) return;
    throw new AppError(
      "version_mismatch",
      now ? `The ${thing} has changed since.` : `The ${thing} is not there.`,
    );
  };
}

function tagOf(answer: object): string {
  return `"${createHash("sha256").update(JSON.stringify(answer)).digest("base64url")}"`;
}

function expectedTag(c: Context, form: RegExp, example: string): string | undefined {
  const header = c.req.header("If-Match");
  if (header === undefined || header === "*") return undefined;
  if (form.test(header)) return header;
  throw invalidHeader("If-Match", `must be an ETag that this API gave, such as ${example}`);
}
