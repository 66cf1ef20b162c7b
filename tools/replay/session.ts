import { createWaybill, type Waybill } from "../../sdk/mod.ts";

const REFRESH_AFTER_MS = 10 * 60_000;

/** What the API refused while the file was played, with what was being done. */
export class ReplayError extends Error {
  override readonly name = "ReplayError";
}

/** A refusal as the SDK gives it. */
interface Refusal {
  detail: string;
  code: string;
  errors?: { pointer: string; message: string; [fact: string]: unknown }[];
}

/** The answer's data. @throws ReplayError that names what was being done */
export function must<T>(doing: string, answer: { data?: T; error?: unknown }): T {
  if (answer.data !== undefined) return answer.data;
  const { detail, errors } = answer.error as Refusal;
  const lines = (errors ?? []).slice(0, 5).map(({ pointer, message }) => `\n  ${pointer} ${message}`);
  throw new ReplayError(`${doing}: ${detail}${lines.join("")}`);
}

/** Is this the refusal with that code? */
export function refusedFor(answer: { error?: unknown }, code: string): Refusal | undefined {
  const refusal = answer.error as Refusal | undefined;
  return refusal?.code === code ? refusal : undefined;
}

/** Logs in as staff; the client's token is renewed while the file is played. @throws ReplayError */
export async function openSession(url: string, username: string, password: string): Promise<Waybill> {
  const visitor = createWaybill({ baseUrl: url });
  let tokens = must(
    "Logging in",
    await visitor.createToken({ body: { grant_type: "password", username, password } }),
  );
  let renewedAt = Date.now();
  return createWaybill({
    baseUrl: url,
    retries: 10,
    token: async () => {
      if (Date.now() - renewedAt > REFRESH_AFTER_MS) {
        const body = { grant_type: "refresh_token" as const, refresh_token: tokens.refresh_token };
        tokens = must("Renewing the login", await visitor.createToken({ body }));
        renewedAt = Date.now();
      }
      return tokens.access_token;
    },
  });
}
