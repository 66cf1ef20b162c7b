import type { Ctx } from "../platform/ctx.ts";
import { errorFields } from "../platform/log.ts";
import { listSealedSecrets, replaceSeals } from "./queries.ts";
import { isSealedByOlder, seal, unseal } from "./secret.ts";

/**
 * Seals every secret anew that an older SECRET_KEY has sealed, so that the older one can go. One whose key has gone
 * already stays as it is, and does not keep the endpoint's other one from it.
 */
export async function resealSecrets(ctx: Ctx): Promise<void> {
  for (const before of await listSealedSecrets(ctx.sql)) {
    const { id, secret, previous_secret } = before;
    const reseal = async (sealed: string) => {
      if (!isSealedByOlder(ctx.config, sealed)) return sealed;
      try {
        return await seal(ctx.config, await unseal(ctx.config, sealed));
      } catch (error) {
        ctx.log.warn("could not seal a webhook secret anew", { ...errorFields(error), endpoint_id: id });
        return sealed;
      }
    };
    const now = {
      secret: await reseal(secret),
      previous_secret: previous_secret && await reseal(previous_secret),
    };
    if (now.secret !== secret || now.previous_secret !== previous_secret) {
      await replaceSeals(ctx.sql, before, now);
    }
  }
}
