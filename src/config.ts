import { Buffer } from "node:buffer";
import { createHash, hkdfSync } from "node:crypto";
import {
  CONSIGNEE_KEY_BYTES,
  DEFAULT_TOPICS,
  type Lane,
  LANES,
  readSettings,
  type Settings,
} from "./settings.ts";

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

/** What the environment says. @throws ConfigError */
export function loadConfig(env: Record<string, string | undefined>): Readonly<Config> {
  const e = readSettings(env);
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
