import type { Ctx } from "../platform/ctx.ts";
import { AppError } from "../platform/errors.ts";
import type { StoredPayment } from "./payment.ts";
import { type PaymentProvider, ProviderError } from "./providers/provider.ts";

/** The provider to pay by. @throws payment_refused where there is no such provider */
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

/** The provider of a payment that there is. @throws ProviderError where it is not set up any more: it does not answer, either */
export function providerOf(
  { providers }: Ctx,
  { provider }: Pick<StoredPayment, "provider">,
): PaymentProvider {
  const found = providers.byName.get(provider);
  if (found) return found;
  throw new ProviderError("unknown", "not_set_up", `The payment provider ${provider} is not set up here.`);
}
