import { Buffer } from "node:buffer";
import { createHash, hkdfSync } from "node:crypto";
import { z } from "@hono/zod-openapi";
import { iso31661 } from "iso-3166";
import proxyAddr from "proxy-addr";

/** The assigned alpha-2 codes of ISO 3166-1. (`UK` and `EL` are none: they are GB and GR.) */
export const COUNTRIES: ReadonlySet<string> = new Set(
  iso31661.filter((entry) => entry.state === "assigned").map((entry) => entry.alpha2),
);

/** Which worker processes serve a job: `WORKER_LANES` picks, and each lane has a concurrency of its own. */
const LANES = ["default", "orders", "payments", "notifications"] as const;
export type Lane = typeof LANES[number];

/** What topics are called that the environment does not name, by aggregate type. */
export const DEFAULT_TOPICS = {
  order: "order-events",
  inventory: "stock-events",
  product: "product-events",
  user: "user-events",
};

const text = z.string().trim().min(1);
const count = (fallback: number, max = 1_000_000, min = 1) =>
  text.transform(Number).pipe(z.number().int().min(min).max(max)).default(fallback);
const flag = z.enum(["true", "false"]).default("false").transform((value) => value === "true");
const webhookSecret = z.string().regex(
  /^whsec_[A-Za-z0-9+/]{32,}={0,2}$/,
  "must be whsec_ and 24 bytes or more in base64; make one with `echo whsec_$(openssl rand -base64 32)`",
);
const CONSIGNEE_KEY_BYTES = 32;
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
  SMTP_URL: z.url({ protocol: /^smtps?$/, error: "must be an smtp:// or smtps:// URL" }).optional(),
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

/** An HMAC key and the `kid` that names it in a token's header. */
export interface SigningKey {
  kid: string;
  secret: Uint8Array;
}

/** An AES-256 key that seals who receives goods, and the id that names it beside what it sealed. */
export interface ConsigneeKey {
  id: string;
  secret: Uint8Array;
}

/** Every setting of a process, checked once at start and frozen. */
export interface Config {
  appEnv: "local" | "test" | "production";
  host: string;
  port: number;
  databaseUrl: string;
  databasePoolSize: number;
  /** Undefined: nothing is cached, and each process counts requests by itself. */
  redis?: RedisConfig;
  /** The first signs; all verify. */
  signingKeys: SigningKey[];
  /** True when no SECRET_KEY was set (local only): tokens die with the process. */
  ephemeralSecret: boolean;
  firstAdmin?: { email: string; password: string };
  trustedProxies: string[];
  corsOrigins: string[];
  logLevel: string;
  logFormat: "json" | "text";
  rateLimit: { times: number; seconds: number; staffTimes: number; loginTimes: number };
  orderExpirationMs: number;
  /** How long a cart lives that nobody changes. */
  cartExpirationMs: number;
  /** How long a quote binds, and holds its stock. */
  quoteValidMs: number;
  /** The first seals consignees; all open them. None: consignees cannot be recorded. */
  consigneeKeys: ConsigneeKey[];
  /** Who sells, as papers for customs name them. */
  seller: { name?: string; addressLines: string[]; taxId?: string };
  /** ISO 3166-1 alpha-2: where goods are sent from, which decides what is an import. */
  shipFromCountry: string;
  worker: { lanes: Lane[]; host: string; port: number; concurrency: Record<Lane, number> };
  /** Undefined: events stay in the log. */
  kafka?: KafkaConfig;
  outbox: { batchSize: number; maxAttempts: number; retryDelayMs: number };
  /** Undefined: messages are kept, to be read through the API. */
  smtpUrl?: string;
  mailFrom: string;
  /** For receivers on one's own machine while developing. */
  webhookAllowPrivateAddresses: boolean;
  payments: PaymentsConfig;
  /** What `/metrics` asks for as a bearer token; undefined: nothing. */
  metricsToken?: string;
}

/** A server over TCP (`redis://` or `rediss://`), or Upstash's REST API. */
export type RedisConfig = { kind: "tcp"; url: string } | { kind: "http"; url: string; token: string };

export interface KafkaConfig {
  brokers: string[];
  clientId: string;
  ssl: boolean;
  sasl?: { mechanism: "plain" | "scram-sha-256" | "scram-sha-512"; username: string; password: string };
  /** `aggregate`: a topic for each kind of thing; `type`: one for each type of event, named like it. */
  layout: "aggregate" | "type";
  /** By aggregate type. */
  topics: typeof DEFAULT_TOPICS;
}

export interface PaymentsConfig {
  /** Undefined: no such provider. Without a secret of its own its webhooks are signed by one made from SECRET_KEY. */
  sandbox?: { webhookSecret?: string };
  stripe?: {
    secretKey: string;
    webhookSecret: string;
    /** Whom to ask instead of Stripe. */
    apiBase?: string;
  };
}

/** Lists every variable that is missing or wrong, by name and without its value. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

const MIN_SECRET_BYTES = 32;
const MIN_SECRET_DISTINCT_CHARACTERS = 12;

/** Reads the environment. An empty variable counts as unset. @throws ConfigError */
export function loadConfig(env: Record<string, string | undefined>): Readonly<Config> {
  const set = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ""),
  );
  const parsed = Environment.safeParse(set);
  const issues = parsed.error?.issues ?? [];
  const e = parsed.data ?? asFarAsRight(set, issues.map(({ path }) => String(path[0])));
  const problems = [...issues.map(({ path, message }) => `${path.join(".")}: ${message}`), ...misfits(e)];
  if (problems.length > 0) throw new ConfigError(`Cannot start:\n  ${problems.join("\n  ")}`);
  const secrets = [e.SECRET_KEY ?? crypto.randomUUID() + crypto.randomUUID(), ...e.SECRET_KEY_PREVIOUS];
  return Object.freeze<Config>({
    appEnv: e.APP_ENV,
    host: e.HOST,
    port: e.PORT,
    databaseUrl: e.DATABASE_URL,
    databasePoolSize: e.DATABASE_POOL_SIZE,
    redis: e.REDIS_URL
      ? { kind: "tcp", url: e.REDIS_URL }
      : e.UPSTASH_REDIS_REST_URL
      ? { kind: "http", url: e.UPSTASH_REDIS_REST_URL, token: e.UPSTASH_REDIS_REST_TOKEN! }
      : undefined,
    signingKeys: secrets.map((secret) => ({ kid: keyId(secret), secret: new TextEncoder().encode(secret) })),
    ephemeralSecret: !e.SECRET_KEY,
    firstAdmin: e.ADMIN_EMAIL && e.ADMIN_PASSWORD
      ? { email: e.ADMIN_EMAIL, password: e.ADMIN_PASSWORD }
      : undefined,
    trustedProxies: e.TRUSTED_PROXIES,
    corsOrigins: e.CORS_ORIGINS,
    logLevel: e.LOG_LEVEL,
    logFormat: e.LOG_FORMAT,
    rateLimit: {
      times: e.RATE_LIMIT_TIMES,
      seconds: e.RATE_LIMIT_SECONDS,
      staffTimes: e.RATE_LIMIT_STAFF_TIMES,
      loginTimes: e.RATE_LIMIT_LOGIN_TIMES,
    },
    orderExpirationMs: e.ORDER_EXPIRATION_MINUTES * 60_000,
    cartExpirationMs: e.CART_EXPIRATION_DAYS * 86_400_000,
    quoteValidMs: e.QUOTE_VALID_MINUTES * 60_000,
    consigneeKeys: consigneeKeys(e),
    seller: { name: e.SELLER_NAME, addressLines: e.SELLER_ADDRESS, taxId: e.SELLER_TAX_ID },
    shipFromCountry: e.SHIP_FROM_COUNTRY,
    worker: {
      lanes: e.WORKER_LANES.length > 0 ? e.WORKER_LANES as Lane[] : [...LANES],
      host: e.WORKER_HOST,
      port: e.WORKER_PORT,
      concurrency: {
        default: e.WORKER_CONCURRENCY_DEFAULT,
        orders: e.WORKER_CONCURRENCY_ORDERS,
        payments: e.WORKER_CONCURRENCY_PAYMENTS,
        notifications: e.WORKER_CONCURRENCY_NOTIFICATIONS,
      },
    },
    kafka: e.KAFKA_BOOTSTRAP_SERVERS.length === 0 ? undefined : {
      brokers: e.KAFKA_BOOTSTRAP_SERVERS,
      clientId: e.KAFKA_CLIENT_ID,
      ssl: e.KAFKA_SSL,
      sasl: e.KAFKA_SASL_MECHANISM && {
        mechanism: e.KAFKA_SASL_MECHANISM,
        username: e.KAFKA_SASL_USERNAME!,
        password: e.KAFKA_SASL_PASSWORD!,
      },
      layout: e.KAFKA_TOPIC_LAYOUT,
      topics: {
        order: e.KAFKA_ORDERS_TOPIC,
        inventory: e.KAFKA_STOCK_TOPIC,
        product: e.KAFKA_PRODUCTS_TOPIC,
        user: e.KAFKA_USERS_TOPIC,
      },
    },
    outbox: {
      batchSize: e.OUTBOX_DISPATCH_BATCH_SIZE,
      maxAttempts: e.OUTBOX_MAX_ATTEMPTS,
      retryDelayMs: e.OUTBOX_RETRY_DELAY_MS,
    },
    smtpUrl: e.SMTP_URL,
    mailFrom: e.MAIL_FROM,
    webhookAllowPrivateAddresses: e.WEBHOOK_ALLOW_PRIVATE_ADDRESSES,
    payments: {
      sandbox: e.PAYMENT_SANDBOX === "true" || (e.PAYMENT_SANDBOX !== "false" && e.APP_ENV !== "production")
        ? { webhookSecret: e.SANDBOX_WEBHOOK_SECRET }
        : undefined,
      stripe: e.STRIPE_SECRET_KEY && e.STRIPE_WEBHOOK_SECRET
        ? {
          secretKey: e.STRIPE_SECRET_KEY,
          webhookSecret: e.STRIPE_WEBHOOK_SECRET,
          apiBase: e.STRIPE_API_BASE,
        }
        : undefined,
    },
    metricsToken: e.METRICS_TOKEN,
  });
}

/** What a tool needs that needs only a database. @throws ConfigError */
export function parseDatabaseUrl(text: string): string {
  const { success, data, error } = databaseUrl.safeParse(text);
  if (!success) throw new ConfigError(`DATABASE_URL: ${error.issues[0]!.message}`);
  return data;
}

type Settings = z.infer<typeof Environment>;

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

/**
 * The keys from the environment; outside production also keys made from SECRET_KEY, so that a copy for trying things
 * out needs no key more and still keeps what it sealed.
 */
function consigneeKeys(e: Settings): ConsigneeKey[] {
  const given = [e.CONSIGNEE_KEY ?? [], e.CONSIGNEE_KEY_PREVIOUS].flat().map((key) =>
    Buffer.from(key, "base64")
  );
  const made = e.APP_ENV === "production" ? [] : [e.SECRET_KEY ?? [], e.SECRET_KEY_PREVIOUS].flat()
    .map((secret) => Buffer.from(hkdfSync("sha256", secret, "", "waybill consignees", CONSIGNEE_KEY_BYTES)));
  return [...given, ...made].map((secret) => ({ id: keyId(secret), secret }));
}

/** Names a key without telling anything of it: the first bytes of its SHA-256. */
function keyId(secret: string | Uint8Array): string {
  return createHash("sha256").update("waybill-kid:").update(secret).digest("hex").slice(0, 12);
}
