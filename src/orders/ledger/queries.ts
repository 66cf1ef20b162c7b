import { actorName, type Author, type Ctx } from "../../platform/ctx.ts";
import type { Fragment, Sql, Tx } from "../../platform/db.ts";
import {
  type Account,
  ACCOUNTS,
  type LedgerKind,
  type LedgerTransaction,
  type RefundParts,
} from "./entries.ts";
import type { Span } from "./span.ts";

/** What an order's money comes to, by the ledger. */
export interface Books {
  order_id: string;
  amount_due: number;
  amount_paid: number;
  amount_refunded: number;
}

/**
 * Books transactions of orders whose rows are locked, at the times of the orders' events. A capture or a refund that is
 * booked already breaks a unique key.
 *
 * @returns the books of each of these orders, with the new transactions
 */
export async function insertTransactions(
  tx: Tx,
  ctx: Ctx,
  transactions: (LedgerTransaction & { by?: Author; at: string })[],
): Promise<Books[]> {
  const rows = transactions.map(({ postings, by = ctx, ...transaction }) => ({
    ...transaction,
    ...postings,
    actor: actorName(by.actor),
    request_id: by.requestId,
  }));
  return await tx<Books[]>`
    with booked as (
      insert into ledger (order_id, kind, currency, receivable, cash_at_provider, revenue, shipping, tax, duty, refunds,
                          store_credit, disputed, payment_id, refund_id, dispute_id, reason, actor, request_id, occurred_at)
      select t.order_id, t.kind, t.currency, coalesce(t.receivable, 0), coalesce(t.cash_at_provider, 0),
             coalesce(t.revenue, 0), coalesce(t.shipping, 0), coalesce(t.tax, 0), coalesce(t.duty, 0),
             coalesce(t.refunds, 0), coalesce(t.store_credit, 0), coalesce(t.disputed, 0), t.payment_id, t.refund_id,
             t.dispute_id, t.reason,
             t.actor, t.request_id, t.at
      from jsonb_to_recordset(${tx.json(rows as never)}) as t (
        order_id uuid, kind text, currency text, receivable bigint, cash_at_provider bigint, revenue bigint,
        shipping bigint, tax bigint, duty bigint, refunds bigint, store_credit bigint, disputed bigint, payment_id uuid,
        refund_id uuid, dispute_id uuid, reason text, actor text, request_id text, at timestamptz
      )
      returning order_id, kind, receivable, cash_at_provider
    ), all_of_them as (
      select order_id, kind, receivable, cash_at_provider from booked
      union all
      select l.order_id, l.kind, l.receivable, l.cash_at_provider from ledger l
      where l.order_id = any(${[...new Set(transactions.map(({ order_id }) => order_id))]}::uuid[])
    )
    select order_id, sum(receivable)::bigint as amount_due,
           coalesce(sum(cash_at_provider) filter (where kind = 'capture'), 0)::bigint as amount_paid,
           coalesce(-sum(cash_at_provider) filter (where kind = 'refund'), 0)::bigint as amount_refunded
    from all_of_them group by order_id`;
}

/** What payments took and have not given back, be it in dispute or not, apart from what staff recorded by a status. */
export async function findCashOfPayments(tx: Tx, orderId: string): Promise<number> {
  const [row] = await tx<{ cash: number }[]>`
    select coalesce(sum(cash_at_provider), 0)::bigint as cash from ledger
    where order_id = ${orderId} and payment_id is not null and kind <> 'dispute'`;
  return row!.cash;
}

/** What can still be taken off the sale, by its parts: what was sold less what was refunded of it. */
export async function findRefundable(tx: Tx, orderId: string): Promise<RefundParts> {
  const [row] = await tx<RefundParts[]>`
    select coalesce(-sum(revenue + refunds), 0)::bigint as goods, coalesce(-sum(shipping), 0)::bigint as shipping,
           coalesce(-sum(duty), 0)::bigint as duty, coalesce(-sum(tax), 0)::bigint as tax
    from ledger where order_id = ${orderId}`;
  return row!;
}

/** A transaction of the ledger, as it is stored. */
export interface LedgerRow extends Record<Account, number> {
  id: number;
  kind: LedgerKind;
  payment_id: string | null;
  refund_id: string | null;
  dispute_id: string | null;
  provider: string | null;
  reason: string | null;
  actor: string;
  occurred_at: string;
}

/**
 * Whose cash a transaction moved: a payment provider's, or `manual`, as staff received or gave it themselves; null: nobody's.
 * Only of what moved cash is a refund or a payment looked up.
 */
const provider = (sql: Sql | Tx): Fragment =>
  sql`
    case when cash_at_provider <> 0 then case
      when refund_id is not null and (select manual from refunds where id = ledger.refund_id) then 'manual'
      else coalesce((select provider from payments where id = ledger.payment_id), 'manual') end end`;

const transactionColumns = (sql: Sql): Fragment =>
  sql`
    id, kind, receivable, cash_at_provider, revenue, shipping, tax, duty, refunds, store_credit, disputed, payment_id, refund_id,
    dispute_id, ${provider(sql)} as provider, reason, actor, occurred_at`;

/** An order's transactions, oldest first. */
export async function listTransactions(sql: Sql, orderId: string): Promise<LedgerRow[]> {
  return await sql<LedgerRow[]>`
    select ${transactionColumns(sql)} from ledger where order_id = ${orderId} order by id`;
}

/** A transaction of any order. */
interface BookedRow extends LedgerRow {
  order_id: string;
  currency: string;
}

/** Transactions of a span of time, oldest first: `limit + 1` of them `after` a time and an id. */
export async function listBookedRows(
  sql: Sql,
  { kind, currency, destination, provider: asked, after, limit, ...span }: Span & {
    kind?: LedgerKind;
    currency?: string;
    destination?: string;
    provider?: string;
    after?: { at: string; id: number };
    limit: number;
  },
): Promise<BookedRow[]> {
  return await sql<BookedRow[]>`
    select order_id, currency, ${transactionColumns(sql)}
    from ledger
    where ${isWithin(sql, span)}
      ${kind === undefined ? sql`` : sql`and kind = ${kind}`}
      ${currency === undefined ? sql`` : sql`and currency = ${currency}`}
      ${goesTo(sql, destination)}
      ${asked === undefined ? sql`` : sql`and ${provider(sql)} = ${asked}`}
      ${
    after === undefined ? sql`` : sql`and (occurred_at, id) > (${after.at}::timestamptz, ${after.id}::bigint)`
  }
    order by occurred_at, id limit ${limit + 1}`;
}

/** Times as numbers, since text has no year 0. */
const isWithin = (sql: Sql | Tx, { from, to }: Span): Fragment =>
  sql`
    occurred_at >= to_timestamp(${from.getTime()}::float8 / 1000)
    and occurred_at < to_timestamp(${to.getTime()}::float8 / 1000)`;

/** Of an order to this country, if one is asked for. */
const goesTo = (sql: Sql | Tx, destination: string | undefined): Fragment =>
  destination === undefined
    ? sql``
    : sql`and exists (select from orders where id = ledger.order_id and ship_to ->> 'country' = ${destination})`;

/** What was posted to an account in a span of time, in minor units of the currency; from 2^53 on about so much. */
interface AccountSum {
  currency: string;
  /** Whose cash it is, of what moved cash. */
  provider: string | null;
  account: Account;
  debit: number;
  credit: number;
}

/**
 * Adds up each account's column, and only then makes rows of them: a row for each posting cost four times as much. There are
 * few sums, of however many transactions: the planner, who knows of neither, would sort all of a year's on disk to have them
 * in groups. It may sort nothing, and not see (`materialized`) that the sums are to be sorted.
 */
export async function sumAccounts(
  tx: Tx,
  { destination, ...span }: Span & { destination?: string },
): Promise<AccountSum[]> {
  const ofEach = (sum: (account: Fragment) => Fragment) =>
    ACCOUNTS.map((account, i) => tx`${i === 0 ? tx`` : tx`,`} ${sum(tx`${tx(account)}`)}`);
  const debits = ofEach((account) => tx`sum(${account}) filter (where ${account} > 0)`);
  const credits = ofEach((account) => tx`-sum(${account}) filter (where ${account} < 0)`);
  await tx`set local enable_sort = off`;
  return await tx<AccountSum[]>`
    with sums as materialized (
      select currency, ${provider(tx)} as provider, array[${debits}]::numeric[] as debits,
             array[${credits}]::numeric[] as credits
      from ledger
      where ${isWithin(tx, span)}
        ${goesTo(tx, destination)}
      group by 1, 2
    )
    select currency, provider, account, coalesce(debit, 0)::float8 as debit, coalesce(credit, 0)::float8 as credit
    from sums, unnest(${[...ACCOUNTS]}::text[], debits, credits) as posting (account, debit, credit)
    where debit > 0 or credit > 0
    order by currency, provider`;
}
