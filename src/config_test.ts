import { assertEquals, assertThrows } from "@std/assert";
import { TEST_SECRET } from "../tests/support/app.ts";
import { loadConfig } from "./config.ts";
import { ConfigError, readSettings } from "./settings.ts";

Deno.test("A shop cannot send from a country that there is not: UK is GB, EL is GR", () => {
  const env = { DATABASE_URL: "postgres://localhost/waybill", SECRET_KEY: TEST_SECRET };
  for (const country of ["UK", "EL", "ZZ"]) {
    assertThrows(() => loadConfig({ ...env, SHIP_FROM_COUNTRY: country }), ConfigError, "SHIP_FROM_COUNTRY");
  }
});

Deno.test("An origin that no browser would send is refused at the start, not with each of its requests", () => {
  const env = { DATABASE_URL: "postgres://localhost/waybill", SECRET_KEY: TEST_SECRET };
  const origins = [
    "https://shop.example",
    "http://localhost:5173",
    "http://[::1]:8080",
    "capacitor://localhost",
  ];
  assertEquals(loadConfig({ ...env, CORS_ORIGINS: origins.join(", ") }).corsOrigins, origins);
  for (
    const wrong of [
      "*",
      "shop.example",
      "https://shop.example/",
      "https://shop.example:443",
      "https://Shop.example",
      "https://*.shop.example",
      "https://me@shop.example",
      "null",
    ]
  ) {
    const set = { ...env, CORS_ORIGINS: `https://shop.example,${wrong}` };
    assertThrows(() => loadConfig(set), ConfigError, "CORS_ORIGINS", wrong);
  }
});

Deno.test("A proxy that no address can match is refused at the start, by the name of its variable", () => {
  const env = { DATABASE_URL: "postgres://localhost/waybill", SECRET_KEY: TEST_SECRET };
  const proxies = ["10.0.0.0/8", "192.168.1.1", "fd00::/8", "::ffff:10.0.0.1", "loopback", "uniquelocal"];
  assertEquals(loadConfig({ ...env, TRUSTED_PROXIES: proxies.join(", ") }).trustedProxies, proxies);
  for (
    const wrong of ["10.0.0.0/40", "10.0.0.0/0", "fd00::/129", "10.0.0", "999.1.1.1", "Loopback", "proxy"]
  ) {
    const set = { ...env, TRUSTED_PROXIES: `10.0.0.1,${wrong}` };
    assertThrows(() => loadConfig(set), ConfigError, "TRUSTED_PROXIES", wrong);
  }
});

Deno.test("What no Kafka could ever be reached with is refused at the start", () => {
  const env = { DATABASE_URL: "postgres://localhost/waybill", SECRET_KEY: TEST_SECRET };
  const servers = "kafka-1:9092, [::1]:9092";
  const login = { KAFKA_SASL_USERNAME: "waybill", KAFKA_SASL_PASSWORD: "secret" };
  const good = { ...env, ...login, KAFKA_BOOTSTRAP_SERVERS: servers, KAFKA_SASL_MECHANISM: "plain" };
  assertEquals(loadConfig(good).kafka?.brokers, ["kafka-1:9092", "[::1]:9092"]);
  for (
    const wrong of [
      { KAFKA_BOOTSTRAP_SERVERS: "kafka-1" },
      { KAFKA_BOOTSTRAP_SERVERS: "kafka-1:9092,kafka://kafka-2:9092" },
      { KAFKA_SASL_USERNAME: "" },
      { KAFKA_SASL_MECHANISM: "" },
    ]
  ) {
    const [name] = Object.keys(wrong);
    const named = name === "KAFKA_SASL_MECHANISM" ? "KAFKA_SASL_USERNAME" : name;
    assertThrows(() => loadConfig({ ...good, ...wrong }), ConfigError, named);
  }
});

Deno.test("Settings that contradict each other, or of which half is missing, are refused at the start", () => {
  const env = { DATABASE_URL: "postgres://localhost/waybill", SECRET_KEY: TEST_SECRET };
  const upstash = { UPSTASH_REDIS_REST_URL: "https://redis.example", UPSTASH_REDIS_REST_TOKEN: "token" };
  const key = btoa("k".repeat(32));
  const wrong: [name: string, set: Record<string, string>][] = [
    ["REDIS_URL", { ...upstash, REDIS_URL: "redis://localhost" }],
    ["UPSTASH_REDIS_REST_TOKEN", { ...upstash, UPSTASH_REDIS_REST_TOKEN: "" }],
    ["ADMIN_PASSWORD", { ADMIN_EMAIL: "admin@shop.example" }],
    ["ADMIN_PASSWORD", { ADMIN_PASSWORD: "a-long-password" }],
    ["CONSIGNEE_KEY_PREVIOUS", { CONSIGNEE_KEY_PREVIOUS: key }],
  ];
  for (const [name, set] of wrong) {
    assertThrows(() => loadConfig({ ...env, ...set }), ConfigError, `  ${name}: `, JSON.stringify(set));
  }
  const good = { CONSIGNEE_KEY: btoa("n".repeat(32)), CONSIGNEE_KEY_PREVIOUS: key };
  assertEquals(loadConfig({ ...env, ...good, ...upstash }).redis?.kind, "http");
});

Deno.test("All that is missing or wrong is named at once, also what has to go together", () => {
  const env = {
    PORT: "eighty",
    UPSTASH_REDIS_REST_TOKEN: "token",
    SECRET_KEY_PREVIOUS: "short",
    APP_ENV: "test",
  };
  const { message } = assertThrows(() => loadConfig(env), ConfigError);
  const named = String(message).split("\n").slice(1).map((line) => line.split(":")[0]!.trim());
  assertEquals(named, [
    "PORT",
    "DATABASE_URL",
    "UPSTASH_REDIS_REST_TOKEN",
    "SECRET_KEY",
    "SECRET_KEY_PREVIOUS",
  ]);
});

Deno.test("What a process would start with and then do without, or do wrong, is refused at the start", () => {
  const env = { DATABASE_URL: "postgres://localhost/waybill", SECRET_KEY: TEST_SECRET };
  const wrong = {
    // Each read as 0: a port that nobody knows.
    PORT: [" "],
    WORKER_PORT: [" "],
    // The driver cannot read them, or finds no host in them.
    DATABASE_URL: ["postgres://waybill:50%off@localhost/waybill", "postgres:localhost/waybill"],
    // The client takes database 0, whoever has keys there.
    REDIS_URL: ["redis://:50%off@localhost", "redis:localhost:6379", "redis://localhost/waybill"],
    // Kafka refuses each event, and each becomes a dead letter.
    KAFKA_ORDERS_TOPIC: ["order events", "shop/orders", "ä", ".", "x".repeat(250)],
    KAFKA_BOOTSTRAP_SERVERS: ["kafka:90922"],
    // No work of theirs would be done.
    WORKER_LANES: ["order", "orders,mails"],
    CONSIGNEE_KEY: ["short", btoa("x".repeat(31)), btoa("x".repeat(33))],
    // Rotated, it would be two others in SECRET_KEY_PREVIOUS, and webhooks' secrets that it sealed be lost.
    SECRET_KEY: [`${TEST_SECRET},${TEST_SECRET}`],
    // The mailer takes this machine for the one that was left out.
    SMTP_URL: [
      "smtp://",
      "smtps:///mail.example",
      "smtp:mail.example",
      "http://mail.example",
      "mail.example",
    ],
    // Mails leave without a sender.
    MAIL_FROM: [
      "Waybill",
      "Waybill <orders@",
      "a@shop.example, b@shop.example",
      "a@shop.example\r\nBcc: b@x.example",
    ],
  };
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) {
      assertThrows(() => loadConfig({ ...env, [name]: value }), ConfigError, `  ${name}: `, value);
    }
  }
  const good = {
    DATABASE_URL: "postgresql://waybill:50%25off@[::1]:5432/my%20shop?sslmode=require",
    REDIS_URL: "rediss://user:p%2Fw@localhost:6380/3",
    KAFKA_ORDERS_TOPIC: "shop.orders_v1-eu",
    SMTP_URL: "smtps://shop:50%@[::1]:465",
    MAIL_FROM: "Müller, Söhne & Co. <orders@shop.example>",
  };
  assertEquals(loadConfig({ ...env, ...good }).databaseUrl, good.DATABASE_URL);
});

Deno.test("A secret that can be guessed signs nothing: too short, of few characters or a sample's, also one of before", () => {
  const env = { DATABASE_URL: "postgres://localhost/waybill", SECRET_KEY: TEST_SECRET };
  const good = "abcdefghijkl".repeat(3).slice(0, 32);
  const weak = {
    "shorter than 32 bytes": good.slice(1),
    "too few different characters": "abcdefghijk".repeat(3),
    "looks like a sample value": `change-me-${good}`,
  };
  for (const [why, secret] of Object.entries(weak)) {
    for (const set of [{ SECRET_KEY: secret }, { SECRET_KEY_PREVIOUS: `${good},${secret}` }]) {
      const [name] = Object.keys(set);
      assertThrows(() => loadConfig({ ...env, ...set }), ConfigError, `  ${name}: ${why}`);
    }
  }
  const { signingKeys } = loadConfig({ ...env, SECRET_KEY: good, SECRET_KEY_PREVIOUS: TEST_SECRET });
  assertEquals(signingKeys.map(({ secret }) => new TextDecoder().decode(secret)), [good, TEST_SECRET]);
});

Deno.test("Who does not say where Waybill runs has production: with a secret, and without what only tests may do", () => {
  const env = { DATABASE_URL: "postgres://localhost/waybill", SECRET_KEY: TEST_SECRET };
  const { appEnv, payments, consigneeKeys } = loadConfig(env);
  assertEquals([appEnv, payments.sandbox, consigneeKeys], ["production", undefined, []]);
  for (
    const [name, set] of [
      ["SECRET_KEY", { SECRET_KEY: "" }],
      ["WEBHOOK_ALLOW_PRIVATE_ADDRESSES", { WEBHOOK_ALLOW_PRIVATE_ADDRESSES: "true" }],
    ] as const
  ) {
    assertThrows(() => loadConfig({ ...env, ...set }), ConfigError, `  ${name}: `);
  }
});

Deno.test("A limit of nothing, or of a window longer than a day, is refused at the start", () => {
  const env = { DATABASE_URL: "postgres://localhost/waybill", SECRET_KEY: TEST_SECRET };
  const limits = {
    RATE_LIMIT_TIMES: "7",
    RATE_LIMIT_SECONDS: "86400",
    RATE_LIMIT_STAFF_TIMES: "1000000",
    RATE_LIMIT_LOGIN_TIMES: "1",
  };
  assertEquals(loadConfig({ ...env, ...limits }).rateLimit, {
    times: 7,
    seconds: 86_400,
    staffTimes: 1_000_000,
    loginTimes: 1,
  });
  for (const name of Object.keys(limits)) {
    for (const wrong of ["0", "-1", "0.5", "1000001", "ten"]) {
      assertThrows(() => loadConfig({ ...env, [name]: wrong }), ConfigError, `  ${name}: `, wrong);
    }
  }
  assertThrows(() => loadConfig({ ...env, RATE_LIMIT_SECONDS: "86401" }), ConfigError, "RATE_LIMIT_SECONDS");
});

Deno.test(".env.example has every setting there is, with its default", () => {
  const read = (file: string) => Deno.readTextFileSync(new URL(file, import.meta.url));
  const example = Object.fromEntries(
    [...read("../.env.example").matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name!, value!]),
  );
  const names = [...read("settings.ts").matchAll(/^ {2}([A-Z_]+): /gm)].map(([, name]) => name!);
  const { DATA_DIR: _, POSTGRES_PASSWORD: __, POSTGRES_HOST_PORT: ___, ...settings } = example;
  assertEquals(Object.keys(settings).toSorted(), names.toSorted());
  // For one's own machine it says otherwise than the default for these.
  const { APP_ENV: _a, HOST: _b, LOG_FORMAT: _c, WORKER_HOST: _d, ...others } = settings;
  const env = { DATABASE_URL: "postgres://localhost/waybill", SECRET_KEY: TEST_SECRET };
  assertEquals(readSettings({ ...others, ...env }), readSettings(env));
});
