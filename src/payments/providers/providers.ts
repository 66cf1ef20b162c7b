import { BrokenCircuitError } from "cockatiel";
import type { Config } from "../../config.ts";
import { Breaker, type BreakerOptions, DEFAULT_BREAKER } from "../../platform/breaker.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Sql } from "../../platform/db.ts";
import type { ProviderBreakers } from "../../platform/vitals.ts";
import { type PaymentProvider, ProviderError } from "./provider.ts";
import { createSandbox, type Sandbox } from "./sandbox.ts";
import { sandboxSecret } from "./sandbox_webhook.ts";

/** How long one call to a provider may take. */
const CALL_LIMIT_MS = 10_000;
/** Errors by which a provider shows that others would fail too. Any other one is about one payment, or is ours. */
const TROUBLE = new Set(["timeout", "connection_failed", "api_error", "rate_limit", "provider_key_refused"]);

declare module "../../platform/ctx.ts" {
  interface Ctx {
    providers: Providers;
  }
}

/** The payment providers of a process. */
export interface Providers {
  byName: ReadonlyMap<string, PaymentProvider>;
  /** Unguarded, for its bank's own verbs; undefined where there is no sandbox. */
  sandbox?: Sandbox;
  /** How the breakers of each stand. */
  breakers(): ProviderBreakers[];
}

interface GuardedProvider extends PaymentProvider {
  breakers(): ProviderBreakers;
}

/** Opens the providers that are configured. Stripe's library costs nothing where it is not. */
export async function openProviders(
  config: Pick<Config, "payments" | "signingKeys">,
  { sql, clock }: { sql: Sql; clock: Clock },
): Promise<Providers> {
  const { sandbox: sandboxConfig, stripe: stripeConfig } = config.payments;
  const sandbox = sandboxConfig &&
    createSandbox(sql, sandboxConfig.webhookSecret ?? sandboxSecret(config.signingKeys[0]!));
  const stripe = stripeConfig && (await import("./stripe.ts")).createStripe(stripeConfig, clock);
  const all = [sandbox, stripe].filter((provider) => provider !== undefined).map((each) => guarded(each));
  return {
    byName: new Map(all.map((provider) => [provider.name, provider])),
    sandbox,
    breakers: () => all.map((provider) => provider.breakers()),
  };
}

/** Limits for `guarded`, which only tests set otherwise. */
export interface GuardOptions {
  callLimitMs?: number;
  breaker?: BreakerOptions;
}

/**
 * The same provider, where a call ends within ten seconds (`unknown`, `timeout`) and is not begun at all while the
 * provider keeps failing (`not_asked`, `provider_unavailable`). What is about one payment does not count as failing, and
 * neither does a caller that has had enough (`unknown`, `aborted`). Whatever else is thrown becomes a ProviderError.
 *
 * Refunds have a breaker of their own. They can fail alone (a key that may not refund, say) and are tried again by
 * themselves, which must not keep anybody from paying; and they must be left alone even while all others succeed.
 */
export function guarded(
  provider: PaymentProvider,
  { callLimitMs = CALL_LIMIT_MS, breaker: options = DEFAULT_BREAKER }: GuardOptions = {},
): GuardedProvider {
  const breaker = new Breaker(options);
  const refundBreaker = new Breaker(options);
  const guardBy =
    (breaker: Breaker) =>
    <I, R>(call: (input: I, signal: AbortSignal) => Promise<R>) =>
    (input: I, signal?: AbortSignal) =>
      throughBreaker(
        breaker,
        () => withinLimit((both) => call.call(provider, input, both), signal, callLimitMs),
      );
  const guard = guardBy(breaker);
  const guardRefund = guardBy(refundBreaker);
  return {
    name: provider.name,
    charge: guard(provider.charge),
    find: guard(provider.find),
    capture: guard(provider.capture),
    void: guard(provider.void),
    refund: guardRefund(provider.refund),
    verifyWebhook: provider.verifyWebhook,
    breakers: () => ({
      provider: provider.name,
      breaker: breaker.state,
      refund_breaker: refundBreaker.state,
    }),
  };
}

/** Only errors that say the provider is in trouble reach the breaker as such. */
async function throughBreaker<T>(breaker: Breaker, work: () => Promise<T>): Promise<T> {
  let outcome: { value: T } | { error: unknown };
  try {
    outcome = await breaker.run(async () => {
      try {
        return { value: await work() };
      } catch (error) {
        if (isTrouble(error)) throw error;
        return { error };
      }
    });
  } catch (error) {
    throw asProviderError(error);
  }
  if ("error" in outcome) throw outcome.error;
  return outcome.value;
}

function isTrouble(error: unknown): boolean {
  return !(error instanceof ProviderError) || TROUBLE.has(error.code);
}

function asProviderError(error: unknown): ProviderError {
  if (error instanceof ProviderError) return error;
  if (error instanceof BrokenCircuitError) {
    return new ProviderError(
      "not_asked",
      "provider_unavailable",
      "The provider has failed too often: it is left alone for a while.",
    );
  }
  return new ProviderError("unknown", "unexpected_error", "The call to the provider failed.", {
    cause: error,
  });
}

/** Ends the wait, and by its signal the call, when the time is up or the caller has had enough. */
async function withinLimit<T>(
  work: (signal: AbortSignal) => Promise<T>,
  caller: AbortSignal | undefined,
  limitMs: number,
): Promise<T> {
  const ended = Promise.withResolvers<never>();
  const ending = new AbortController();
  const end = (code: string, message: string) => {
    const error = new ProviderError("unknown", code, message);
    ended.reject(error);
    ending.abort(error);
  };
  const abort = () => end("aborted", "The call to the provider was given up.");
  if (caller?.aborted) {
    throw new ProviderError("unknown", "aborted", "The call to the provider was not begun.");
  }
  const timer = setTimeout(
    () => end("timeout", `The provider did not answer within ${limitMs / 1000} s.`),
    limitMs,
  );
  caller?.addEventListener("abort", abort);
  try {
    return await Promise.race([ended.promise, work(ending.signal)]);
  } finally {
    clearTimeout(timer);
    caller?.removeEventListener("abort", abort);
  }
}
