import { Buffer } from "node:buffer";
import { z } from "@hono/zod-openapi";
import { iso31661 } from "iso-3166";
import proxyAddr from "proxy-addr";

/** The assigned alpha-2 codes of ISO 3166-1. (`UK` and `EL` are none: they are GB and GR.) */
export const COUNTRIES: ReadonlySet<string> = new Set(
  iso31661.filter((entry) => entry.state === "assigned").map((entry) => entry.alpha2),
);

/** Which worker processes serve a job: `WORKER_LANES` picks, and each lane has a concurrency of its own. */
export const LANES = ["default", "orders", "payments", "notifications"] as const;
export type Lane = typeof LANES[number];

/** What topics are called that the environment does not name, by aggregate type. */
export const DEFAULT_TOPICS = {
  order: "order-events",
  inventory: "stock-events",
  product: "product-events",
  user: "user-events",
};

const MIN_SECRET_BYTES = 32;
const MIN_SECRET_DISTINCT_CHARACTERS = 12;

const text = z.string().trim().min(1);
const count = (fallback: number, max = 1_000_000, min = 1) =>
  text.transform(Number).pipe(z.number().int().min(min).max(max)).default(fallback);
const flag = z.enum(["true", "false"]).default("false").transform((value) => value === "true");
const webhookSecret = z.string().regex(
  /^whsec_[A-Za-z0-9+/]{32,}={0,2}$/,
  "must be whsec_ and 24 bytes or more in base64; make one with `echo whsec_$(openssl rand -base64 32)`",
);
export const CONSIGNEE_KEY_BYTES = 32;
const isConsigneeKey = (text: string) =>
  /^[A-Za-z0-9+/]+={0,2}$/.test(text) && Buffer.from(text, "base64").length === CONSIGNEE_KEY_BYTES;
const list = z.string().default("").transform((value) =>
  value.split(",").map((part) => part.trim()).filter(Boolean)
);
const port = (fallback: number) => count(fallback, 65_535, 0);
/** A URL that its driver can read: without `//` it would name no host, and a `%` that escapes nothing be an error there. */
const url = (protocol: RegExp, error: string) =>
  z.url({ protocol, error, abort: true })
    .refine((text) => text.includes("//"), { error, abort: true })
    .refine(isDecodable, `${error}, and a % in its password be written as %25`);
/** As Kafka takes them. It refuses others with each event that is sent there. */
const topic = text.regex(
  /^(?!\.\.?$)[A-Za-z0-9._-]{1,249}$/,
  "must be a name that Kafka takes: up to 249 letters, digits, dots, hyphens and underscores",
);
const databaseUrl = url(/^postgres(ql)?$/, "must be a postgres:// URL");

const Environment = z.object({
  APP_ENV: z.enum(["local", "test", "production"]).default("production"),
  HOST: text.default("0.0.0.0"),
  PORT: port(8000),
  DATABASE_URL: databaseUrl,
  DATABASE_POOL_SIZE: count(10, 1000),
  REDIS_URL: url(/^rediss?$/, "must be a redis:// or rediss:// URL").refine(
    (text) => /^(\/\d*)?$/.test(new URL(text).pathname),
    "must name its database by a number, such as redis://localhost:6379/1",
  ).optional(),
  UPSTASH_REDIS_REST_URL: z.url({ protocol: /^https?$/, error: "must be an http(s):// URL" }).optional(),
  UPSTASH_REDIS_REST_TOKEN: text.optional(),
  SECRET_KEY: text.optional(),
  SECRET_KEY_PREVIOUS: list,
  ADMIN_EMAIL: z.email().optional(),
  ADMIN_PASSWORD: text.optional(),
  TRUSTED_PROXIES: list,
  CORS_ORIGINS: list,
  LOG_LEVEL: z.enum(["debug", "info", "warn", "error", "silent"]).default("info"),
  LOG_FORMAT: z.enum(["json", "text"]).default("json"),
  RATE_LIMIT_TIMES: count(100),
  RATE_LIMIT_SECONDS: count(1, 86_400),
  RATE_LIMIT_STAFF_TIMES: count(1000),
  RATE_LIMIT_LOGIN_TIMES: count(10),
  ORDER_EXPIRATION_MINUTES: count(30, 525_600),
  CART_EXPIRATION_DAYS: count(30, 3650),
  QUOTE_VALID_MINUTES: count(15, 10_080),
  CONSIGNEE_KEY: text.optional(),
  CONSIGNEE_KEY_PREVIOUS: list,
  SELLER_NAME: text.optional(),
  SELLER_ADDRESS: z.string().default("").transform((value) =>
    value.split("|").map((line) => line.trim()).filter(Boolean)
  ),
  SELLER_TAX_ID: text.optional(),
  SHIP_FROM_COUNTRY: z.string().refine(
    (code) => COUNTRIES.has(code),
    "an ISO 3166-1 alpha-2 country code, such as DE",
  ).default(
    "DE",
  ),
  WORKER_LANES: list,
  WORKER_HOST: text.default("0.0.0.0"),
  WORKER_PORT: port(8001),
  WORKER_CONCURRENCY_DEFAULT: count(2, 100),
  WORKER_CONCURRENCY_ORDERS: count(2, 100),
  WORKER_CONCURRENCY_PAYMENTS: count(4, 100),
  WORKER_CONCURRENCY_NOTIFICATIONS: count(4, 100),
  KAFKA_BOOTSTRAP_SERVERS: list,
  KAFKA_CLIENT_ID: text.default("waybill"),
  KAFKA_SSL: flag,
  KAFKA_SASL_MECHANISM: z.enum(["plain", "scram-sha-256", "scram-sha-512"]).optional(),
  KAFKA_SASL_USERNAME: text.optional(),
  KAFKA_SASL_PASSWORD: text.optional(),
  KAFKA_TOPIC_LAYOUT: z.enum(["aggregate", "type"]).default("aggregate"),
  KAFKA_ORDERS_TOPIC: topic.default(DEFAULT_TOPICS.order),
  KAFKA_STOCK_TOPIC: topic.default(DEFAULT_TOPICS.inventory),
  KAFKA_PRODUCTS_TOPIC: topic.default(DEFAULT_TOPICS.product),
  KAFKA_USERS_TOPIC: topic.default(DEFAULT_TOPICS.user),
  OUTBOX_DISPATCH_BATCH_SIZE: count(500, 10_000),
  OUTBOX_MAX_ATTEMPTS: count(10, 1000),
  OUTBOX_RETRY_DELAY_MS: count(1000, 3_600_000),
  SMTP_URL: z.url({ protocol: /^smtps?$/, error: "must be an smtp:// or smtps:// URL", abort: true })
    .refine((text) => new URL(text).hostname !== "", "must name a host, such as smtp://mail.example")
    .optional(),
  MAIL_FROM: text.regex(
    /^([^<>\r\n]*<[^\s<>@,]+@[^\s<>@,]+>|[^\s<>@,]+@[^\s<>@,]+)$/,
    "must be an address, such as Waybill <orders@shop.example>",
  ).default("Waybill <orders@localhost>"),
  WEBHOOK_ALLOW_PRIVATE_ADDRESSES: flag,
  PAYMENT_SANDBOX: z.enum(["true", "false"]).optional(),
  SANDBOX_WEBHOOK_SECRET: webhookSecret.optional(),
  STRIPE_SECRET_KEY: z.string().regex(/^(sk|rk)_/, "must begin with sk_ or rk_").optional(),
  STRIPE_WEBHOOK_SECRET: z.string().regex(/^whsec_/, "must begin with whsec_").optional(),
  STRIPE_API_BASE: z.url({ protocol: /^https?$/, error: "must be an http(s):// URL" }).optional(),
  METRICS_TOKEN: text.optional(),
});

/** The variables of the environment, each read and checked. */
export type Settings = z.infer<typeof Environment>;

/** Lists every variable that is missing or wrong, by name and without its value. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** Reads the environment. An empty variable counts as unset. @throws ConfigError */
export function readSettings(env: Record<string, string | undefined>): Settings {
  const set = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ""),
  );
  const parsed = Environment.safeParse(set);
  const issues = parsed.error?.issues ?? [];
  const e = parsed.data ?? asFarAsRight(set, issues.map(({ path }) => String(path[0])));
  const problems = [...issues.map(({ path, message }) => `${path.join(".")}: ${message}`), ...misfits(e)];
  if (problems.length > 0) throw new ConfigError(`Cannot start:\n  ${problems.join("\n  ")}`);
  return e;
}

/** What a tool needs that needs only a database. @throws ConfigError */
export function parseDatabaseUrl(text: string): string {
  const { success, data, error } = databaseUrl.safeParse(text);
  if (!success) throw new ConfigError(`DATABASE_URL: ${error.issues[0]!.message}`);
  return data;
}

/** The settings that are right, and the others as they were given: what has to fit together is told of these too. */
function asFarAsRight(set: Record<string, string | undefined>, wrong: string[]): Settings {
  const right = Object.entries(set).filter(([name]) => !wrong.includes(name));
  const others = wrong.map((name) => [name, set[name]]);
  return { ...Environment.partial().parse(Object.fromEntries(right)), ...Object.fromEntries(others) };
}

/** What is wrong with each setting beside the others. */
function misfits(e: Settings): string[] {
  const problems: string[] = [];
  if (e.REDIS_URL && e.UPSTASH_REDIS_REST_URL) {
    problems.push("REDIS_URL: set either this or UPSTASH_REDIS_REST_URL, not both");
  }
  if (!e.UPSTASH_REDIS_REST_URL !== !e.UPSTASH_REDIS_REST_TOKEN) {
    problems.push("UPSTASH_REDIS_REST_TOKEN: goes together with UPSTASH_REDIS_REST_URL");
  }
  if (!e.ADMIN_EMAIL !== !e.ADMIN_PASSWORD) problems.push("ADMIN_PASSWORD: goes together with ADMIN_EMAIL");
  if (!e.SECRET_KEY && e.APP_ENV !== "local") {
    problems.push("SECRET_KEY: required unless APP_ENV=local; make one with `openssl rand -base64 48`");
  }
  for (const name of ["SECRET_KEY", "SECRET_KEY_PREVIOUS"] as const) {
    for (const secret of [e[name] ?? []].flat()) {
      const weakness = secretWeakness(secret);
      if (weakness) problems.push(`${name}: ${weakness}; make one with \`openssl rand -base64 48\``);
    }
  }
  // It would be two others there, and what it signed and sealed be lost when it is rotated.
  if (e.SECRET_KEY?.includes(",")) {
    problems.push("SECRET_KEY: must not hold a comma, which separates the keys of SECRET_KEY_PREVIOUS");
  }
  for (const name of ["CONSIGNEE_KEY", "CONSIGNEE_KEY_PREVIOUS"] as const) {
    if (![e[name] ?? []].flat().every(isConsigneeKey)) {
      problems.push(`${name}: must be 32 bytes in base64; make one with \`openssl rand -base64 32\``);
    }
  }
  if (e.CONSIGNEE_KEY_PREVIOUS.length > 0 && !e.CONSIGNEE_KEY) {
    problems.push("CONSIGNEE_KEY_PREVIOUS: goes together with CONSIGNEE_KEY");
  }
  if (!e.WORKER_LANES.every((lane) => LANES.includes(lane as Lane))) {
    problems.push(`WORKER_LANES: a list of ${LANES.join(", ")}`);
  }
  if (!e.KAFKA_BOOTSTRAP_SERVERS.every(isServer)) {
    problems.push("KAFKA_BOOTSTRAP_SERVERS: a list of host:port");
  }
  const sasl = [e.KAFKA_SASL_MECHANISM, e.KAFKA_SASL_USERNAME, e.KAFKA_SASL_PASSWORD];
  if (new Set(sasl.map(Boolean)).size > 1) {
    problems.push("KAFKA_SASL_USERNAME: goes together with KAFKA_SASL_MECHANISM and KAFKA_SASL_PASSWORD");
  }
  if (e.WEBHOOK_ALLOW_PRIVATE_ADDRESSES && e.APP_ENV === "production") {
    problems.push(
      "WEBHOOK_ALLOW_PRIVATE_ADDRESSES: not in production, where it would open the network to webhooks",
    );
  }
  if (!e.STRIPE_SECRET_KEY !== !e.STRIPE_WEBHOOK_SECRET) {
    problems.push("STRIPE_WEBHOOK_SECRET: goes together with STRIPE_SECRET_KEY");
  }
  if (e.STRIPE_API_BASE && e.APP_ENV === "production") {
    problems.push(
      "STRIPE_API_BASE: not in production, where it would send the key and the payments elsewhere",
    );
  }
  if (!e.CORS_ORIGINS.every(isOrigin)) {
    problems.push("CORS_ORIGINS: a list of origins as browsers send them, such as https://shop.example");
  }
  if (!e.TRUSTED_PROXIES.every(isProxy)) {
    problems.push(
      "TRUSTED_PROXIES: a list of addresses or CIDR ranges, or loopback, linklocal, uniquelocal",
    );
  }
  return problems;
}

/** Scheme, host and port as a browser writes them: no path, no port that goes without saying, small letters, no `*`. */
function isOrigin(text: string): boolean {
  if (text.includes("*")) return false;
  const origin = URL.parse(text)?.origin;
  // Of schemes other than the web's, such as those of apps, nobody knows an origin.
  return origin === text || (origin === "null" && /^[a-z][a-z\d+.-]*:\/\/[^/?#@]+$/.test(text));
}

function isServer(text: string): boolean {
  return /^[^\s/]+:\d{1,5}$/.test(text) && URL.canParse(`kafka://${text}`);
}

function isDecodable(text: string): boolean {
  try {
    decodeURI(text);
    return true;
  } catch {
    return false;
  }
}

/** Does the library that is to believe it understand it? Netmasks, which it takes too, are not documented. */
function isProxy(text: string): boolean {
  if (!/^(loopback|linklocal|uniquelocal|[0-9a-f.:]+(\/\d{1,3})?)$/.test(text.toLowerCase())) return false;
  try {
    proxyAddr.compile(text);
    return true;
  } catch {
    return false;
  }
}

function secretWeakness(secret: string): string | undefined {
  if (new TextEncoder().encode(secret).length < MIN_SECRET_BYTES) {
    return `shorter than ${MIN_SECRET_BYTES} bytes`;
  }
  if (new Set(secret).size < MIN_SECRET_DISTINCT_CHARACTERS) return "too few different characters";
  if (/change.?me|secret.?key|your.?secret|password/i.test(secret)) return "looks like a sample value";
}
