import type { Ctx } from "../platform/ctx.ts";
import { AppError } from "../platform/errors.ts";
import type { PaymentProvider } from "./providers/provider.ts";

/** @throws payment_refused where there is no such provider */
export function getProvider({ providers: { byName } }: Ctx, name: string): PaymentProvider {
  const provider = byName.get(name);
  if (provider) return provider;
  const known = [...byName.keys()];
  throw new AppError("payment_refused", "There is no such payment provider.", {
    errors: [{
      pointer: "/provider",
      code: "unknown_provider",
      message: known.length > 0 ? `must be ${known.join(" or ")}` : "none is set up",
      providers: known,
    }],
  });
}
