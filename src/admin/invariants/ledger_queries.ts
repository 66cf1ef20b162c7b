import type { Invariant } from "./invariant.ts";

const common = { severity: "broken", table: "ledger" } as const;

/** What must hold of money: the ledger, what orders say of it, and what payments and refunds say. */
export const LEDGER_INVARIANTS: readonly Invariant[] = [
  {
    ...common,
    name: "ledger_rows_balance",
    holds: "Debits and credits of every transaction of the ledger sum to zero.",
    broken: (sql) =>
      sql`
      select order_id::text as id, format('%s, row %s', kind, id) as what from ledger
      where receivable + cash_at_provider + revenue + shipping + tax + duty + refunds + store_credit + disputed <> 0`,
  },
  {
    ...common,
    name: "ledger_balances_by_currency",
    holds: "All accounts together sum to zero, in each currency.",
    broken: (sql) =>
      sql`
      select currency as id, all_of_them::text as what
      from (
        select currency, sum(
          receivable + cash_at_provider + revenue + shipping + tax + duty + refunds + store_credit + disputed) as all_of_them
        from ledger group by currency
      ) sums
      where all_of_them <> 0`,
  },
  {
    ...common,
    table: "payments",
    name: "payments_are_in_the_orders_currency",
    holds: "An order's payments and refunds are in its currency.",
    broken: (sql) =>
      sql`
      select money.id::text, format('%s in %s, order %s in %s', kind, money.currency, o.number, o.currency) as what
      from (
        select id, order_id, currency, 'payment' as kind from payments
        union all
        select id, order_id, currency, 'refund' from refunds
      ) money join orders o on o.id = money.order_id
      where money.currency <> o.currency`,
  },
  {
    ...common,
    name: "orders_are_as_their_ledger",
    isFinelyGrouped: true,
    holds:
      "Each order has one sale of its total and its parts; if it was cancelled or expired, what refunds had left of each part " +
      "was taken back, once; refunds took no more off a part than was sold of it; what it says is due, paid and refunded is " +
      "what its ledger sums to, in its currency.",
    broken: (sql) =>
      sql`
      select coalesce(o.id, l.order_id)::text as id,
             format('%s is %s: total %s, due %s, paid %s, refunded %s; ledger: %s sales of %s and %s cancellations, %s goods, %s shipping, %s duty and %s tax left, due %s, paid %s, refunded %s',
                    o.number, o.status, o.total_price, o.amount_due, o.amount_paid, o.amount_refunded, l.sales,
                    l.sold, l.cancellations, l.goods_left, l.shipping_left, l.duty_left, l.tax_left, l.due, l.paid,
                    l.refunded) as what
      from orders o full join (
        select order_id, currency, count(*) filter (where kind = 'sale') as sales,
               count(*) filter (where kind = 'cancellation') as cancellations,
               max(receivable) filter (where kind = 'sale') as sold, max(revenue) filter (where kind = 'sale') as goods,
               max(shipping) filter (where kind = 'sale') as shipping, max(duty) filter (where kind = 'sale') as duty,
               max(tax) filter (where kind = 'sale') as tax, -sum(revenue + refunds) as goods_left,
               -sum(shipping) as shipping_left, -sum(duty) as duty_left, -sum(tax) as tax_left, sum(receivable) as due,
               coalesce(sum(cash_at_provider) filter (where kind = 'capture'), 0) as paid,
               coalesce(-sum(cash_at_provider) filter (where kind = 'refund'), 0) as refunded
        from ledger group by order_id, currency
      ) l on l.order_id = o.id
      where (l.currency, l.sales, l.sold, l.goods, l.shipping, l.duty, l.tax, l.due, l.paid, l.refunded)
        is distinct from (o.currency, 1, o.total_price, -o.subtotal, -o.shipping_total, -o.duty_total, -o.tax_total,
                          o.amount_due, o.amount_paid, o.amount_refunded)
        or case when o.status in ('CANCELLED', 'EXPIRED')
          then (l.cancellations, l.goods_left, l.shipping_left, l.duty_left, l.tax_left) <> (1, 0, 0, 0, 0)
          else l.cancellations <> 0 or least(l.goods_left, l.shipping_left, l.duty_left, l.tax_left) < 0 end`,
  },
  {
    ...common,
    table: "payments",
    name: "captures_are_booked",
    isFinelyGrouped: true,
    holds: "What a payment captured is booked, once, on its order.",
    broken: (sql) =>
      sql`
      select payment_id::text as id, format('%s more captured than booked on order %s', sum(amount), order_id) as what
      from (
        select order_id, id as payment_id, amount_captured as amount from payments where amount_captured <> 0
        union all
        select order_id, payment_id, -cash_at_provider from ledger where kind = 'capture' and payment_id is not null
      ) both_sides
      group by order_id, payment_id having sum(amount) <> 0`,
  },
  {
    ...common,
    table: "refunds",
    name: "refunds_are_booked",
    holds: "Every refund through a provider that succeeded is booked, once, on its order.",
    broken: (sql) =>
      sql`
      select payment_id::text as id, format('%s more refunded than booked on order %s', sum(amount), order_id) as what
      from (
        select order_id, payment_id, amount from refunds where status = 'succeeded' and payment_id is not null
        union all
        select order_id, payment_id, cash_at_provider from ledger where kind = 'refund' and payment_id is not null
      ) both_sides
      group by order_id, payment_id having sum(amount) <> 0`,
  },
  {
    ...common,
    table: "payments",
    name: "payments_know_their_refunds",
    holds: "What a payment says is refunded, or being refunded, are its refunds.",
    broken: (sql) =>
      sql`
      select p.id::text, format('%s done, %s of it manually, and %s under way, refunds %s, %s and %s', p.amount_refunded,
                                p.amount_refunded_manually, p.amount_refunding, coalesce(r.done, 0),
                                coalesce(r.manually, 0), coalesce(r.under_way, 0)) as what
      from payments p left join (
        select payment_id, sum(case status when 'succeeded' then amount else 0 end) as done,
               sum(case when status = 'succeeded' and manual then amount else 0 end) as manually,
               sum(case status when 'pending' then amount else 0 end) as under_way
        from refunds where payment_id is not null group by payment_id
      ) r on r.payment_id = p.id
      where (p.amount_refunded, p.amount_refunded_manually, p.amount_refunding)
        <> (coalesce(r.done, 0), coalesce(r.manually, 0), coalesce(r.under_way, 0))`,
  },
  {
    ...common,
    table: "disputes",
    name: "disputes_are_booked",
    holds:
      "What open disputes hold of a payment is what it says is disputed, and what the ledger has as disputed.",
    broken: (sql) =>
      sql`
      select payment_id::text as id,
             format('%s held by disputes, %s disputed, %s in the ledger', sum(held), sum(said), sum(booked)) as what
      from (
        select payment_id, amount as held, 0 as said, 0 as booked from disputes
        where status in ('needs_response', 'under_review')
        union all
        select id, 0, amount_disputed, 0 from payments where amount_disputed <> 0
        union all
        select payment_id, 0, 0, disputed from ledger where dispute_id is not null
      ) all_sides
      group by payment_id having sum(held) <> sum(said) or sum(held) <> sum(booked)`,
  },
  {
    ...common,
    table: "disputes",
    name: "lost_disputes_are_refunds",
    holds: "Of a lost dispute no more is booked as refunded than it was about, through its own payment.",
    broken: (sql) =>
      sql`
      select d.id::text, format('%s lost, of %s; booked: %s', d.status, d.amount, sum(r.amount)) as what
      from refunds r join disputes d on d.id = r.dispute_id
      group by d.id
      having d.status <> 'lost' or sum(r.amount) > d.amount or bool_or(r.payment_id <> d.payment_id or r.status <> 'succeeded')`,
  },
  {
    ...common,
    table: "payments",
    name: "never_refunded_more_than_paid",
    holds:
      "No payment gives back more than it took, takes more than was authorised, and no order refunds more than was paid.",
    broken: (sql) =>
      sql`
      select id::text, format('payment: captured %s, refunded %s', amount_captured, amount_refunded + amount_refunding) as what
      from payments
      where amount_refunded + amount_refunding > amount_captured or amount_captured > amount_authorised
        or amount_authorised > amount
      union all
      select id::text, format('%s: paid %s, refunded %s', number, amount_paid, amount_refunded) as what
      from orders where amount_refunded > amount_paid or amount_refunded < 0`,
  },
  {
    ...common,
    table: "orders",
    name: "providers_hold_no_more_than_is_left",
    isFinelyGrouped: true,
    holds:
      "What providers hold of an order's money is no more than what was paid and not refunded: of what staff recorded as " +
      "paid no more is given back than they had recorded.",
    broken: (sql) =>
      sql`
      select order_id::text as id, format('%s more held by providers than is left of what was paid', sum(held)) as what
      from (
        select id as order_id, amount_refunded - amount_paid as held from orders where amount_paid <> amount_refunded
        union all
        select order_id, amount_captured - amount_refunded from payments where amount_captured <> amount_refunded
      ) both_sides
      group by order_id having sum(held) > 0`,
  },
  {
    ...common,
    table: "orders",
    name: "authorised_amounts_can_be_captured",
    holds: "What is authorised for an order is what its authorised payments can still capture.",
    broken: (sql) =>
      sql`
      select order_id::text as id, format('%s more authorised than its payments can capture', sum(amount)) as what
      from (
        select id as order_id, amount_authorised as amount from orders where amount_authorised <> 0
        union all
        select order_id, amount_captured - amount_authorised from payments where status = 'authorised'
      ) both_sides
      group by order_id having sum(amount) <> 0`,
  },
];
