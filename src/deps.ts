import type { Config } from "./config.ts";
import { type AccessTokens, openAccessTokens } from "./identity/mod.ts";
import { checkMailer } from "./notifications/mod.ts";
import { forgetToldOrders } from "./orders/mod.ts";
import { openProviders, type Providers } from "./payments/mod.ts";
import { Bell } from "./platform/bell.ts";
import { type Cache, openCache } from "./platform/cache.ts";
import { type Clock, systemClock } from "./platform/clock.ts";
import type { Actor, Ctx } from "./platform/ctx.ts";
import { openDatabase, type Sql } from "./platform/db.ts";
import { Jobs } from "./platform/jobs.ts";
import { LogHorizon } from "./platform/log_horizon.ts";
import { type Log, openLog } from "./platform/log.ts";
import { Metrics } from "./platform/metrics.ts";
import { Vitals } from "./platform/vitals.ts";
import { LiveStreams } from "./realtime/mod.ts";

/** What a process opens once and every request, job or command uses. */
export interface Deps {
  config: Readonly<Config>;
  sql: Sql;
  cache: Cache;
  bell: Bell;
  jobs: Jobs;
  horizon: LogHorizon;
  clock: Clock;
  log: Log;
  metrics: Metrics;
  vitals: Vitals;
  accessTokens: AccessTokens;
  providers: Providers;
  streams: LiveStreams;
}

/** Opens everything; what `replace` brings (a test's clock, say) is used instead. */
export async function openDeps(config: Readonly<Config>, replace: Partial<Deps> = {}): Promise<Deps> {
  const sql = replace.sql ?? openDatabase(config);
  const bell = replace.bell ?? new Bell(sql, config.databaseUrl);
  const cache = replace.cache ?? await openCache(config.redis);
  const horizon = replace.horizon ?? new LogHorizon(sql);
  const clock = replace.clock ?? systemClock;
  const log = replace.log ?? openLog(config.logLevel, config.logFormat);
  const providers = replace.providers ?? await openProviders(config, { sql, clock });
  return {
    config,
    sql,
    bell,
    jobs: replace.jobs ?? new Jobs(config.databaseUrl, bell),
    horizon,
    cache,
    clock,
    log,
    metrics: replace.metrics ?? new Metrics(cache),
    vitals: replace.vitals ??
      new Vitals(
        config,
        sql,
        cache,
        providers.breakers,
        async () => config.smtpUrl ? await checkMailer(config.smtpUrl) : { status: "not_used" },
        log,
      ),
    accessTokens: replace.accessTokens ?? await openAccessTokens(config),
    providers,
    streams: replace.streams ?? new LiveStreams({
      sql,
      bell,
      horizon,
      clock,
      log,
      first: (events) => forgetToldOrders({ cache, clock }, events),
    }),
  };
}

export async function closeDeps(deps: Deps): Promise<void> {
  await deps.streams.close();
  await Promise.all([deps.jobs.close(), deps.bell.close()]);
  await Promise.all([deps.sql.end({ timeout: 5 }), deps.cache.close()]);
}

/** The context of one command or job that acts as the system. */
export function systemCtx(deps: Deps, name: string): Ctx {
  const actor: Actor = { kind: "system", name };
  return { ...deps, actor, requestId: crypto.randomUUID() };
}
