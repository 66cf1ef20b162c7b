import { pageSchema, pageView } from "../../http/pagination.ts";
import { endpoint, json, router } from "../../http/router.ts";
import { IdParam } from "../../http/schemas.ts";
import { getOrderLedger, type OrderLedger } from "./get_ledger.ts";
import { getLedgerReport, type LedgerReport } from "./get_report.ts";
import { listBookedTransactions } from "./list_transactions.ts";
import {
  BookedTransactionSchema,
  LedgerReportSchema,
  OrderLedgerSchema,
  ReportQuery,
  TransactionsQuery,
} from "./schemas.ts";

const tags = ["Ledger"];
const SALE = [
  { account: "receivable" as const, debit: 2998, credit: 0 },
  { account: "revenue" as const, debit: 0, credit: 2998 },
];
const BALANCES = SALE.map((entry) => ({ ...entry, balance: entry.debit - entry.credit }));
const LEDGER: OrderLedger = {
  order_id: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11",
  currency: "EUR",
  amount_due: 2998,
  balances: BALANCES,
  transactions: [{
    id: 4711,
    kind: "sale",
    occurred_at: "2026-01-31T12:00:00.000Z",
    reason: null,
    actor: "customer",
    payment_id: null,
    refund_id: null,
    dispute_id: null,
    provider: null,
    entries: SALE,
  }],
};
const REPORT: LedgerReport = {
  from: "2026-01-01T00:00:00.000Z",
  to: "2026-02-01T00:00:00.000Z",
  currencies: [{
    currency: "EUR",
    accounts: BALANCES,
    cash_by_provider: [],
    debit: 2998,
    credit: 2998,
    balanced: true,
  }],
};

export const ledgerRoutes = router();

ledgerRoutes.openapi(
  endpoint({ policy: "user", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/orders/{id}/ledger",
    operationId: "getOrderLedger",
    tags,
    summary: "What did an order's money do?",
    description:
      "Every transaction of the order's books with its entries, and the balance of each account. Nothing of it is ever " +
      "changed: what is taken back is booked as another transaction.",
    request: { params: IdParam },
    responses: { 200: json(OrderLedgerSchema, "The order's books.", LEDGER) },
  }),
  async (c) => c.json(await getOrderLedger(c.get("ctx"), c.req.valid("param").id), 200),
);

ledgerRoutes.openapi(
  endpoint({ policy: "staff" }, {
    method: "get",
    path: "/v1/reports/ledger",
    operationId: "getLedgerReport",
    tags,
    summary: "Report what was booked in a span of time",
    description:
      "Of all orders, or those to one `destination`, by currency and account: the transactions with `from` ≤ `occurred_at` < `to`. A transaction has the " +
      "time at which it was decided, and is in the books once it is committed: what is asked for within a minute of `to` " +
      "may still grow.",
    request: { query: ReportQuery },
    responses: { 200: json(LedgerReportSchema, "The report.", REPORT) },
  }),
  async (c) => c.json(await getLedgerReport(c.get("ctx"), c.req.valid("query")), 200),
);

ledgerRoutes.openapi(
  endpoint({ policy: "staff" }, {
    method: "get",
    path: "/v1/reports/ledger/transactions",
    operationId: "listBookedTransactions",
    tags,
    summary: "List what was booked in a span of time",
    description:
      "The transactions that the report of this span sums up, of all orders or those to one `destination`, with `from` ≤ " +
      "`occurred_at` < `to`; oldest first, as a journal is kept. All filters must hold: `kind=refund` are the refunds that " +
      "succeeded in this span, `kind=capture` the money that came in. Once `to` is a minute ago nothing is added any more.",
    request: { query: TransactionsQuery },
    responses: {
      200: json(pageSchema(BookedTransactionSchema).openapi("BookedTransactionPage"), "One page.", {
        data: LEDGER.transactions.map((transaction) => ({
          order_id: LEDGER.order_id,
          currency: LEDGER.currency,
          ...transaction,
        })),
        next_cursor: null,
      }),
    },
  }),
  async (c) => c.json(pageView(await listBookedTransactions(c.get("ctx"), c.req.valid("query"))), 200),
);
