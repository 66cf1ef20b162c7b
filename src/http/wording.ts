import type { z } from "@hono/zod-openapi";

/** What is said of a field that was left out and must not be. */
export const IS_REQUIRED = "is required";

const TYPES: Record<string, string> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
  record: "an object",
};

const FORMATS: Record<string, string> = {
  uuid: "a UUID",
  email: "an e-mail address",
  url: "a URL",
  date: "a day, such as 2026-01-31",
  datetime: "an RFC 3339 time, such as 2026-01-31T12:00:00Z",
};

/** What is wrong with a value, as the rest of a sentence that begins with its field: "must be a whole number". */
export function wordIssue(issue: z.core.$ZodRawIssue): string {
  if (issue.input === undefined) return IS_REQUIRED;
  switch (issue.code) {
    case "invalid_type":
      return `must be ${typeWanted(issue)}`;
    case "invalid_value":
      return oneOf(issue.values);
    case "too_small":
      return `must ${bound(issue.origin, "at least", issue.minimum)}`;
    case "too_big":
      return `must ${bound(issue.origin, "at most", issue.maximum)}`;
    case "invalid_format":
      return FORMATS[issue.format] ? `must be ${FORMATS[issue.format]}` : "has the wrong form";
    case "invalid_key":
      return `is a name that is not possible here: it ${issue.issues[0]?.message}`;
    default:
      return "is not possible here";
  }
}

/** Zod asks a whole number first whether it is a number; the caller is told at once. */
function typeWanted({ expected, inst }: z.core.$ZodRawIssue<z.core.$ZodIssueInvalidType>): string {
  const isWhole = inst && "format" in inst && inst.format === "safeint";
  return TYPES[isWhole ? "int" : expected] ?? `of the type ${expected}`;
}

function oneOf(values: readonly unknown[]): string {
  return `must be ${values.length > 1 ? "one of " : ""}${values.join(", ")}`;
}

function bound(origin: string, how: string, limit: number | bigint): string {
  const unit = origin === "string" ? "character" : origin === "array" ? "item" : undefined;
  if (!unit) return `be ${how} ${limit}`;
  return `have ${how} ${limit} ${unit}${limit === 1 ? "" : "s"}`;
}
