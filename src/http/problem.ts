import { type RouteConfig, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import { isUnavailable, sqlState } from "../platform/db.ts";
import {
  AppError,
  ERROR_STATUS,
  type ErrorCode,
  type FieldError,
  FieldErrorSchema,
} from "../platform/errors.ts";
import { errorFields } from "../platform/log.ts";
import type { AppEnv } from "./router.ts";
import { IS_REQUIRED, wordIssue } from "./wording.ts";

// For all schemas of the process, the settings' among them; a schema's own message comes first.
z.config({ localeError: wordIssue });

const TITLES: Record<number, string> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  412: "Precondition Failed",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  422: "Unprocessable Content",
  429: "Too Many Requests",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

/** RFC 9457 problem details, as every error of the API answers. */
const ProblemSchema = z.object({
  type: z.string().openapi({ example: "urn:waybill:problem:not_found" }),
  title: z.string().openapi({ example: "Not Found" }),
  status: z.int().openapi({ example: 404 }),
  detail: z.string().openapi({ description: "What went wrong, for a person to read." }),
  instance: z.string().openapi({ description: "The path that was asked for." }),
  code: z.enum(Object.keys(ERROR_STATUS) as [ErrorCode, ...ErrorCode[]]).openapi({
    description:
      "What went wrong, for a program to act on. New codes come without a new version of the API: take one that you do " +
      "not know for what its `status` says.",
    example: "not_found",
  }),
  errors: z.array(
    // What is not in the list of today may come.
    FieldErrorSchema.loose().openapi("ProblemError"),
  ).optional().openapi({
    description: "Each thing that is wrong, where there is more to say than `detail`.",
  }),
  request_id: z.string().openapi({ description: "Name it when you ask for help." }),
  error: z.string().optional().openapi({
    description: "Of the token endpoints only: the code of RFC 6749, for its clients.",
    example: "invalid_grant",
  }),
  error_description: z.string().optional().openapi({ description: "Goes with `error`: the `detail`." }),
}).openapi("Problem");
type Problem = z.infer<typeof ProblemSchema>;

/**
 * The OpenAPI responses for a route's error codes, one for each status.
 *
 * @param examples of errors that the route answers with; of other codes one is made up
 */
export function problemResponses(codes: readonly ErrorCode[], examples: readonly AppError[] = []) {
  const byStatus = Map.groupBy(new Set(codes), (code) => ERROR_STATUS[code]);
  return Object.fromEntries(
    [...byStatus].sort(([a], [b]) => a - b).map(([status, codes]) => [status, {
      description: `${TITLES[status]}: ${codes.map((code) => `\`${code}\``).join(", ")}`,
      content: {
        "application/problem+json": { schema: ProblemSchema, example: exampleProblem(codes, examples) },
      },
    }]),
  );
}

/** An example of one of these codes; its path is named where the document knows it (`nameInstances`). */
function exampleProblem(codes: readonly ErrorCode[], examples: readonly AppError[]): Problem {
  const error = examples.find(({ code }) => codes.includes(code)) ??
    new AppError(codes[0]!, "What went wrong, in a sentence.");
  return problemOf(error, "", "0b0f5a52-6c1f-4f0e-9d5c-2f6f3a1f9a11");
}

function problemOf(error: AppError, instance: string, requestId: string): Problem {
  const status = ERROR_STATUS[error.code];
  return {
    type: `urn:waybill:problem:${error.code}`,
    title: TITLES[status]!,
    status,
    detail: error.message,
    instance,
    code: error.code,
    ...instance.startsWith("/v1/token") && oauthError(error),
    ...error.errors.length > 0 && { errors: error.errors },
    request_id: requestId,
  };
}

/** Answers any error: an AppError as it says, passing trouble of the database as 503, all else as a bare 500. */
export function onError(thrown: Error, c: Context<AppEnv>): Response {
  const error = toAppError(thrown);
  const status = ERROR_STATUS[error.code];
  // A value that only the database refused is a gap in a schema: worth a look, though the caller gets a 4xx.
  if (status >= 500 || sqlState(error.cause)?.startsWith("22")) {
    c.get("deps").log.error(error.message, {
      request_id: c.get("requestId"),
      ...errorFields(error.cause ?? thrown),
    });
  }
  if (error.retryAfterSeconds !== undefined) c.header("Retry-After", String(error.retryAfterSeconds));
  if (status === 401) c.header("WWW-Authenticate", `Bearer realm="waybill"`);
  c.header("Content-Type", "application/problem+json");
  return c.body(JSON.stringify(problemOf(error, c.req.path, c.get("requestId"))), status);
}

const OAUTH_ERRORS: { [Code in ErrorCode]?: string } = {
  invalid_credentials: "invalid_grant",
  invalid_grant: "invalid_grant",
  invalid_request: "invalid_request",
  unsupported_grant_type: "unsupported_grant_type",
};

/** What RFC 6749 §5.2 clients look for in a refusal of the token endpoints. */
function oauthError({ code, message }: AppError) {
  const error = OAUTH_ERRORS[code];
  return error && { error, error_description: message };
}

function toAppError(error: Error): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof HTTPException) {
    if (error.status === 415) {
      return new AppError("unsupported_media_type", "Say in Content-Type what the body is.", {
        cause: error,
      });
    }
    if (error.status < 500) {
      return new AppError("malformed_json", "The body is not valid JSON.", { cause: error });
    }
  }
  if (isUnavailable(error)) {
    return new AppError("unavailable", "The database cannot answer just now. Try again.", {
      retryAfterSeconds: 1,
      cause: error,
    });
  }
  // Class 22 is "data exception": text or a number that PostgreSQL cannot store. Schemas should have said so.
  if (sqlState(error)?.startsWith("22")) {
    return new AppError("invalid_request", "The request holds a value that cannot be stored.", {
      cause: error,
    });
  }
  return new AppError("internal", "Something broke on our side. It is logged under this request id.", {
    cause: error,
  });
}

type Target = "json" | "query" | "param" | "header" | "form";
const TARGET_PREFIX: Record<Target, string> = {
  json: "",
  form: "",
  query: "query",
  param: "path",
  header: "header",
};

/** How much of a wrong request an answer repeats: a small body must not make a large answer. */
const MAX_FIELD_ERRORS = 100;
const MAX_SEGMENT_LENGTH = 200;

/**
 * Turns what zod found into the problem's `errors`, one for each field, the first hundred.
 *
 * @param sent the value that was refused, to tell a number that is missing from one that is none
 */
export function fieldErrors(error: z.ZodError, target: Target, sent?: unknown): FieldError[] {
  return error.issues.slice(0, MAX_FIELD_ERRORS).flatMap(closestBranch).flatMap((issue) => {
    const path = issue.code === "unrecognized_keys"
      ? issue.keys.map((key) => [...issue.path, key])
      : [issue.path];
    return path.map((segments) => ({
      pointer: TARGET_PREFIX[target] +
        segments.map((segment) => `/${escapeSegment(String(segment))}`).join(""),
      ...isLeftOut(issue, sent) ? { code: "required", message: IS_REQUIRED } : {
        code: issue.code === "custom" ? "invalid" : issue.code,
        message: issue.code === "unrecognized_keys" ? "There is no such field." : issue.message,
      },
    }));
  }).slice(0, MAX_FIELD_ERRORS);
}

function isLeftOut({ code, path }: z.core.$ZodIssue, sent: unknown): boolean {
  if (sent === undefined || code === "custom") return false;
  // deno-lint-ignore no-explicit-any
  return path.reduce((value: any, segment) => value?.[segment], sent) === undefined;
}

function escapeSegment(segment: string): string {
  return segment.slice(0, MAX_SEGMENT_LENGTH).replaceAll("~", "~0").replaceAll("/", "~1");
}

/** The hook that every router gives to zod-openapi: a failed validation is a 422 that names each field. */
export function onInvalid(
  result: { success: boolean; data?: unknown; target?: string; error?: unknown },
): void {
  if (result.success) return;
  throw invalid(result.error as z.ZodError, (result.target ?? "json") as Target, result.data);
}

function invalid(error: z.ZodError, target: Target, sent: unknown): AppError {
  const errors = fieldErrors(error, target, sent);
  const [{ pointer, message }] = errors as [FieldError];
  const what = pointer === "" ? "The body is not valid" : `The request is not valid at ${pointer}`;
  return new AppError("invalid_request", `${what}: ${message}`, { errors });
}

/** What a route answers where a field `foo` is all that it is sent, or `1` all that is in its path; none where that is fine. */
export function exampleInvalid({ body, query, params }: NonNullable<RouteConfig["request"]>): AppError[] {
  const bodyAs = (type: string) => (body?.content[type] as { schema?: unknown } | undefined)?.schema;
  const schema = bodyAs("application/json") ?? bodyAs("application/x-www-form-urlencoded");
  const names = params instanceof z.ZodObject ? Object.keys(params.shape) : [];
  const [target, takes, sent]: [Target, unknown, object] = schema
    ? ["json", schema, { foo: "1" }]
    : query
    ? ["query", query, { foo: "1" }]
    : ["param", params, Object.fromEntries(names.map((name) => [name, "1"]))];
  const result = takes instanceof z.ZodType ? takes.safeParse(sent) : undefined;
  return result?.error ? [invalid(result.error, target, sent)] : [];
}

/** Of a union's branches the one that fits best, by the number of things wrong: its errors say more than "invalid". */
function closestBranch(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== "invalid_union") return [issue];
  const [closest] = issue.errors.toSorted((a, b) => a.length - b.length);
  if (!closest) return [issue];
  return closest.flatMap((inner) =>
    closestBranch({ ...inner, path: [...issue.path, ...inner.path] } as z.core.$ZodIssue)
  );
}
