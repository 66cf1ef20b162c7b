import { z } from "@hono/zod-openapi";
import { cursor, CursorTime, Limit } from "../../http/pagination.ts";
import { Amount, Country, Currency, Id, text, Timestamp } from "../../http/schemas.ts";
import { boundMs } from "../../platform/made_within.ts";
import { ACCOUNTS, LEDGER_KINDS } from "./entries.ts";

const Account = z.enum(ACCOUNTS).openapi({
  description:
    "`receivable`: what customers owe; `cash_at_provider`: money that came in and did not go back, also what staff recorded; " +
    "`revenue`: goods sold, net of duty and tax; `refunds`: goods that were refunded; `shipping`, `tax`, `duty`: what was " +
    "charged of them and not given back; `store_credit`: not used yet; `disputed`: what customers' banks took until they have decided",
  example: "receivable",
});
const Debit = Amount.openapi({ description: "In minor units of the currency", example: 2998 });
const Credit = Amount.openapi({ description: "In minor units of the currency", example: 0 });

const EntrySchema = z.object({ account: Account, debit: Debit, credit: Credit }).openapi("LedgerEntry");

const BalanceSchema = EntrySchema.extend({
  balance: z.int().openapi({ description: "debit − credit", example: 2998 }),
}).openapi("AccountBalance");

const TransactionSchema = z.object({
  id: z.int().openapi({ description: "Counts up through all orders", example: 4711 }),
  kind: z.enum(LEDGER_KINDS),
  occurred_at: Timestamp,
  reason: z.string().nullable(),
  actor: z.string().openapi({ description: "`customer`, `staff` or `system`; staff see who exactly" }),
  payment_id: Id.nullable(),
  refund_id: Id.nullable(),
  dispute_id: Id.nullable(),
  provider: z.string().nullable().openapi({
    description:
      "Whose part of `cash_at_provider` it moved: a payment provider's name, or `manual`, as staff received it or gave it back " +
      "themselves, by bank transfer say. Null: it moved no cash",
    example: "stripe",
  }),
  entries: z.array(EntrySchema).openapi({ description: "Their debits and their credits are the same sum" }),
}).openapi("LedgerTransaction");

export const OrderLedgerSchema = z.object({
  order_id: Id,
  currency: Currency,
  amount_due: z.int().openapi({
    description:
      "The balance of `receivable`: what is still to be paid; negative: what is owed to the customer",
    example: 2998,
  }),
  balances: z.array(BalanceSchema).openapi({ description: "Of the accounts that have entries" }),
  transactions: z.array(TransactionSchema).openapi({ description: "Oldest first" }),
}).openapi("OrderLedger");

export const ReportQuery = z.strictObject({
  from: Timestamp.optional().openapi({
    description: "Transactions of this time or later; the first of this month (UTC) if left out",
  }),
  to: Timestamp.optional().openapi({
    description: "Transactions before this time; the first of next month (UTC) if left out",
  }),
  destination: Country.optional().openapi({
    description: "Only of orders that go to this country: what of `tax` and `duty` was collected for it",
  }),
});

export const TransactionsQuery = ReportQuery.extend({
  kind: z.enum(LEDGER_KINDS).optional().openapi({ description: "Only transactions of this kind" }),
  currency: Currency.optional().openapi({ description: "Only transactions in this currency" }),
  provider: text(1, 40).optional().openapi({
    description: "Only transactions that moved this provider's cash, to be compared with its own statement",
    example: "stripe",
  }),
  // The span, then the time and the id of the last row.
  cursor: cursor(
    z.tuple([Timestamp, Timestamp, CursorTime, z.int()]).refine(([from, to]) => boundMs(from) < boundMs(to)),
  ),
  limit: Limit,
});

export const BookedTransactionSchema = TransactionSchema.extend({
  order_id: Id,
  currency: Currency,
}).openapi("BookedTransaction");

export const LedgerReportSchema = z.object({
  from: Timestamp,
  to: Timestamp,
  currencies: z.array(
    z.object({
      currency: Currency,
      accounts: z.array(BalanceSchema),
      cash_by_provider: z.array(
        BalanceSchema.omit({ account: true }).extend({ provider: z.string().openapi({ example: "stripe" }) })
          .openapi("CashBalance"),
      ).openapi({
        description:
          "`cash_at_provider` by who has it, as `provider` of the transactions says. Fees and payouts are not in these books",
      }),
      debit: Debit,
      credit: Credit.openapi({ description: "In minor units of the currency", example: 2998 }),
      balanced: z.boolean().openapi({
        description:
          "Are debits and credits of all accounts the same sum? Anything but true is a fault of the books",
        example: true,
      }),
    }).openapi("LedgerReportCurrency"),
  ),
}).openapi("LedgerReport");
