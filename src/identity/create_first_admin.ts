import { ConfigError } from "../settings.ts";
import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { AppError } from "../platform/errors.ts";
import { addUser } from "./add_user.ts";
import { hashPassword } from "./password.ts";
import { findWeakness } from "./password_strength.ts";
import { adminExists } from "./queries.ts";

/**
 * Makes the configured first admin if there is no admin yet. Of processes that start together the unique address
 * lets one make it. An account that has this address already is not touched: whoever registered it may not be who
 * set the variable.
 *
 * @throws ConfigError in production, for a password that is easy to guess
 */
export async function createFirstAdmin(ctx: Ctx): Promise<void> {
  const { appEnv, firstAdmin } = ctx.config;
  if (!firstAdmin || await adminExists(ctx.sql)) return;
  const weakness = await findWeakness(firstAdmin.password, firstAdmin);
  if (weakness && appEnv === "production") {
    throw new ConfigError(`Cannot start:\n  ADMIN_PASSWORD: ${weakness.message}`);
  }
  const passwordHash = await hashPassword(firstAdmin.password);
  try {
    await transaction(
      ctx.sql,
      (tx) => addUser(tx, ctx, { email: firstAdmin.email, role: "admin", passwordHash }),
    );
    ctx.log.info("made the first admin, ADMIN_EMAIL");
  } catch (error) {
    if (!(error instanceof AppError && error.code === "email_taken")) throw error;
    if (await adminExists(ctx.sql)) return;
    ctx.log.warn(
      "ADMIN_EMAIL has an account that is no admin: `deno task admin role EMAIL admin` makes it one",
    );
  }
}
