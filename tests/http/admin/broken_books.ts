/**
 * For each invariant something that breaks it, as SQL on a copy of the shop of invariants_test.ts, where no constraint
 * and no trigger is in the way. Orders are named by their external reference.
 */

const ID = "00000000-0000-7000-8000-00000000000";
const order = (reference: string) => `(select id from orders where external_reference = '${reference}')`;
const user = "(select user_id from orders limit 1)";

const cart = (status: string, orderId = "null") =>
  `insert into carts (id, user_id, status, currency, order_id, created_at, updated_at, expires_at)
   values ('${ID}1', ${user}, '${status}', 'EUR', ${orderId}, now(), now(), now() + interval '1 day')`;
const quote = (
  status: string,
  expires = "1 hour",
  orderId = "null",
  data = `'{"lines":[{"sku":"A","quantity":1}],"total_price":1}'`,
) =>
  `insert into quotes (id, cart_id, cart_version, user_id, status, order_id, created_at, expires_at)
   values ('${ID}2', '${ID}1', 1, ${user}, '${status}', ${orderId}, now(), now() + interval '${expires}');
   insert into events (type, version, aggregate_type, aggregate_id, sequence, actor, data, occurred_at)
   values ('quote.created', 1, 'quote', '${ID}2', 1, 'system:test', ${data}, now())`;
/** The quote of this order, that says what the order says but for this. */
const quoteOf = (reference: string, but: string) =>
  `${
    quote(
      "used",
      "1 hour",
      order(reference),
      `(select to_jsonb(orders) || '${but}' from orders where id = ${order(reference)})`,
    )
  };
   update orders set quote_id = '${ID}2' where id = ${order(reference)}`;
/** An open quote with the coupon, and the use that the order has of it, which becomes the quote's with these changes. */
const openQuote = (changes: string, currency = "EUR") =>
  `${
    quote(
      "open",
      "1 hour",
      "null",
      `'{"lines":[],"coupon_code":"TEN","discount_total":125,"currency":"${currency}"}'`,
    )
  };
   update promotion_redemptions set order_id = null, quote_id = '${ID}2' ${changes} where order_id = ${
    order("cheaper")
  }`;
const use = (changes: string, reference = "cheaper") =>
  `update promotion_redemptions set ${changes} where order_id = ${order(reference)}`;
const payment = (columns = "", values = "") =>
  `insert into payments (id, order_id, provider, currency, amount, payment_method, actor, created_at, updated_at ${columns})
   values ('${ID}3', ${order("paid")}, 'sandbox', 'EUR', 100, 'card', 'system:test', now(), now() ${values})`;
/** Another payment of that order: all of it went back, and is in dispute besides. */
const disputedWhole = payment(", amount_captured, amount_refunded, amount_disputed", ", 100, 100, 100")
  .replace(`${ID}3`, `${ID}9`);
const refund = (status: string, age = "0") =>
  `insert into refunds (id, order_id, payment_id, currency, amount, reason, status, actor, created_at, updated_at)
   values ('${ID}4', ${
    order("paid")
  }, '${ID}3', 'EUR', 50, 'Broken', '${status}', 'system:test', now() - interval '${age}', now())`;
/** Two units of a line of two, of which one was refunded before. */
const unitsRefunded = (status: string, returnId = "null") =>
  `insert into refunds (id, order_id, return_id, currency, amount, items, reason, status, actor, created_at, updated_at)
   select '${ID}4', id, ${returnId}, 'EUR', 50, '[{"line": 1, "quantity": 2}]', 'Broken', '${status}',
          'system:test', now(), now()
   from orders where external_reference = 'partly_cancelled'`;
const dispute = (status: string) =>
  `insert into disputes (id, order_id, payment_id, provider_reference, status, currency, amount, reason, created_at, updated_at)
   values ('${ID}8', ${order("paid")}, '${ID}3', 'dp_1', '${status}', 'EUR', 50, 'fraudulent', now(), now())`;
const lost = (changes: string) =>
  `${dispute("lost")}; ${refund("succeeded")}; update refunds set ${changes} where id = '${ID}4'`;
const event = `(select max(position) from events)`;

/** What breaks it, by the invariant's name; several things where it says several. */
export const BROKEN_BOOKS: Record<string, string | string[]> = {
  sealed_events_are_as_they_were: [
    `insert into event_seals (position, since, events, hash) select max(position), 0, count(*), sha256('') from events`,
    `insert into event_seals (position, since, events, hash)
     select 2, 1, 1, sha256(string_agg(sha256(convert_to(data::text, 'UTF8')), '')) from events where position = 2`,
  ],
  stock_levels_are_sums_of_movements: "update stock_levels set on_hand = on_hand + 1 where sku = 'A'",
  stock_is_never_negative: "update stock_levels set on_hand = -1 where sku = 'A'",
  reserved_stock_is_wanted: "update stock_levels set reserved = reserved + 1 where sku = 'B'",
  orders_move_the_stock_of_their_lines: [
    `update stock_movements set reserved_delta = 0 where order_id = ${
      order("cancelled")
    } and kind = 'release'`,
    `update stock_movements set reserved_delta = 1 where order_id = ${order("pending")}`,
    `update stock_movements set on_hand_delta = -1 where order_id = ${
      order("shipped")
    } and kind = 'shipment'`,
    `update stock_movements set kind = 'return', on_hand_delta = 1 where order_id = ${order("pending")}`,
    `update stock_movements set kind = 'shipment_cancelled', on_hand_delta = 1 where order_id = ${
      order("pending")
    }`,
    `${quote("used", "1 hour", order("pending"))};
     insert into stock_movements (sku, location, kind, on_hand_delta, reserved_delta, version, quote_id, actor)
     select sku, location, kind, 0, 1, 1000, '${ID}2', actor from stock_movements where order_id = ${
      order("pending")
    } and sku = 'A'`,
    `delete from stock_movements where order_id = ${order("pending")}`,
    `update stock_movements set order_id = '${ID}5' where order_id = ${order("pending")} and sku = 'A'`,
  ],
  quotes_hold_their_lines: quote("open"),
  movement_versions_have_no_gap: "update stock_movements set version = 1000 where sku = 'A' and version = 2",
  movements_are_as_the_log_tells: [
    `update events set data = jsonb_set(data, '{reserved_delta}', '7') where aggregate_id = 'A@default' and sequence = 3`,
    `update stock_movements set order_id = ${order("paid")} where order_id = ${order("pending")}`,
  ],
  levels_are_their_last_event: "update stock_levels set version = version + 1 where sku = 'B'",

  line_totals_are_price_times_quantity: [
    `update order_items set unit_price = unit_price + 1 where order_id = ${order("paid")}`,
    `update order_items set discount_amount = discount_amount + 1 where order_id = ${order("cheaper")}`,
  ],
  order_totals_are_their_parts: `update orders set shipping_total = 1 where id = ${order("paid")}`,
  orders_are_sums_of_their_lines: [
    `update order_items set tax_amount = 1 where order_id = ${order("paid")} and line = 1`,
    `update orders set units = units + 1 where id = ${order("pending")}`,
    `update orders set discount_total = discount_total + 1 where id = ${order("cheaper")}`,
    `update order_items set cancelled = 0 where order_id = ${order("partly_cancelled")}`,
    `update orders set units_returned = 1 where id = ${order("delivered")}`,
    `delete from order_items where order_id = ${order("pending")}`,
    `update order_items set order_id = '${ID}5' where order_id = ${order("pending")}`,
    `delete from order_items where order_id = ${order("pending")};
     update orders set subtotal = 0, shipping_total = 0, duty_total = 0, tax_total = 0, units = 0
     where id = ${order("pending")}`,
    `insert into order_items (order_id, line, product_id, sku, name, quantity, unit_price, line_total, cancelled)
     select '${ID}5', line, product_id, sku, name, 1, 0, 0, 1 from order_items where order_id = ${
      order("paid")
    }`,
  ],
  shipped_lines_are_in_shipments: [
    "update shipment_items set quantity = quantity + 1 where line = 1",
    `update shipments set status = 'cancelled' where order_id = ${order("shipped")}`,
  ],
  delivered_units_are_in_shipments: `update shipments set status = 'shipped' where order_id = ${
    order("delivered")
  }`,
  returned_lines_are_in_returns: `update order_items set returned = 1 where order_id = ${
    order("delivered")
  } and line = 1`,
  cancelled_lines_were_refunded: [
    `update order_items set cancelled = 1 where order_id = ${order("paid")} and line = 1`,
    `update order_items set cancelled = 0 where order_id = ${order("partly_cancelled")} and line = 1`,
  ],
  lines_are_refunded_once: [
    `update refunds set items = '[{"line": 1, "quantity": 3}]' where order_id = ${order("partly_cancelled")}`,
    `update refunds set items = '[{"line": 9, "quantity": 1}]' where order_id = ${order("partly_cancelled")}`,
    unitsRefunded("pending"),
    unitsRefunded("succeeded", `'${ID}6'`),
  ],
  order_status_follows: `update orders set status = 'PENDING' where id = ${order("shipped")}`,
  order_payment_status_follows: `update orders set payment_status = 'AUTHORISED' where id = ${
    order("pending")
  }`,
  order_fulfilment_status_follows: `update orders set fulfilment_status = 'RETURNED' where id = ${
    order("delivered")
  }`,
  used_quotes_are_orders: quote("used", "1 hour", order("paid")),
  orders_cost_what_was_quoted: [
    quoteOf("paid", '{"total_price": 1}'),
    quoteOf("cheaper", '{"discount_total": 1}'),
    quoteOf("cheaper", '{"coupon_code": null}'),
  ],
  open_quotes_have_open_carts: `${cart("expired")}; ${quote("open")}`,
  quotes_expire_in_time: quote("open", "-1 hour"),
  checked_out_carts_are_orders: cart("checked_out", order("paid")),

  ledger_rows_balance: `update ledger set revenue = revenue - 1 where order_id = ${
    order("paid")
  } and kind = 'sale'`,
  ledger_balances_by_currency: `update ledger set currency = 'GBP', tax = tax - 1 where order_id = ${
    order("paid")
  } and kind = 'sale'`,
  payments_are_in_the_orders_currency: `${payment()}; update payments set currency = 'GBP'`,
  orders_are_as_their_ledger: [
    `update orders set amount_paid = amount_paid + 1 where id = ${order("paid")}`,
    `update orders set amount_due = 1 where id = ${order("cancelled")}`,
    `update orders set amount_refunded = 1 where id = ${order("delivered")}`,
    `update ledger set currency = 'GBP' where order_id = ${order("paid")} and kind = 'capture'`,
    `update ledger set revenue = revenue - 1, tax = tax + 1 where order_id = ${
      order("paid")
    } and kind = 'sale'`,
    `delete from ledger where order_id = ${order("paid")} and kind = 'sale'`,
    `insert into ledger (order_id, kind, currency, receivable, revenue, shipping, tax, duty, actor, occurred_at)
     select order_id, as_kind, currency, sign * receivable, sign * revenue, sign * shipping, sign * tax, sign * duty, actor, now()
     from ledger, (values ('sale', 1), ('dispute', -1)) as twice (as_kind, sign)
     where order_id = ${order("paid")} and kind = 'sale'`,
    `delete from ledger where order_id = ${order("pending")}`,
    `delete from ledger where order_id = ${order("cancelled")} and kind = 'cancellation'`,
    `update ledger set revenue = revenue - 1, tax = tax + 1 where order_id = ${
      order("refunded_and_cancelled")
    } and kind = 'cancellation'`,
    `update ledger set refunds = refunds - 1, tax = tax + 1 where order_id = ${
      order("refunded_and_cancelled")
    } and kind = 'refund'`,
    `update ledger set refunds = refunds - 1, shipping = shipping + 1 where order_id = ${
      order("partly_cancelled")
    } and kind = 'refund'`,
    `update orders set status = 'CANCELLED' where id = ${order("pending")}`,
    `update ledger set order_id = '${ID}5' where order_id = ${order("pending")}`,
  ],
  captures_are_booked: payment(", amount_captured", ", 100"),
  refunds_are_booked: refund("succeeded"),
  payments_know_their_refunds: [
    `${payment()}; ${refund("pending")}`,
    `${payment()}; update payments set amount_refunded_manually = 1`,
  ],
  disputes_are_booked: [
    dispute("needs_response"),
    dispute("under_review"),
    payment(", amount_disputed", ", 50"),
    `${dispute("needs_response")}; ${payment(", amount_disputed", ", 50")}`,
    `update ledger set payment_id = '${ID}3', dispute_id = '${ID}8', disputed = 50 where order_id = ${
      order("paid")
    } and kind = 'capture'`,
  ],
  lost_disputes_are_refunds: [
    lost(`dispute_id = '${ID}8', amount = 51`),
    lost(`dispute_id = '${ID}8', payment_id = '${ID}5'`),
    lost(`dispute_id = '${ID}8', status = 'failed'`),
    `${lost(`dispute_id = '${ID}8'`)}; update disputes set status = 'won'`,
  ],
  never_refunded_more_than_paid: [
    payment(", amount_refunded", ", 100"),
    `update orders set amount_refunded = 1 where id = ${order("pending")}`,
  ],
  providers_hold_no_more_than_is_left: [
    `${payment(", amount_captured", ", 100")}; update orders set amount_refunded = amount_paid - 99
     where id = ${order("paid")}`,
    `${payment(", amount_captured", ", 100")}; update payments set order_id = ${order("refunded")}`,
  ],
  authorised_amounts_can_be_captured: payment(", status, amount_authorised", ", 'authorised', 100"),

  promotions_are_counted: [
    "update promotions set redeemed = redeemed + 1",
    "update promotion_customers set redeemed = redeemed - 1",
    "delete from promotion_customers",
    use(`user_id = '${ID}7'`),
    use("released_at = now()"),
    use("released_at = null", "cheaper_and_cancelled"),
  ],
  open_quotes_hold_their_coupons: [
    use(`order_id = null, quote_id = '${ID}2'`),
    openQuote(", released_at = now()"),
    openQuote(", amount = amount + 1"),
    openQuote(`, user_id = '${ID}7'`),
    openQuote("", "GBP"),
    `${openQuote("")}; update promotions set code = 'OTHER' where code = 'TEN'`,
    `${openQuote("")}; update quotes set status = 'expired'`,
  ],
  coupons_of_orders_are_redeemed: [
    `delete from promotion_redemptions where order_id = ${order("cheaper")}`,
    use("amount = amount + 1"),
    use("currency = 'GBP'"),
    use(`user_id = '${ID}7'`),
    use(`quote_id = '${ID}2'`),
    use(`order_id = '${ID}5'`),
    use("released_at = now()"),
    use("released_at = null", "cheaper_and_cancelled"),
    "update promotions set code = 'OTHER' where code = 'TEN'",
    `update orders set coupon_code = null where id = ${order("cheaper")}`,
    `update orders set coupon_code = null, discount_total = 0 where id = ${order("cheaper")}`,
    `update orders set discount_total = 1 where id = ${order("paid")}`,
    `update orders set coupon_code = 'TEN' where id = ${order("paid")}`,
  ],

  points_are_their_movements: [
    "update points_accounts set balance = balance + 1",
    "update points_accounts set version = version + 1",
    "delete from points_movements where sequence = 1",
    "update points_movements set balance = balance + 1 where sequence = 1",
    "update points_movements set points = points + 1 where sequence = 2",
  ],
  points_of_orders_moved: [
    `update order_points set points = points - 1 where order_id = ${order("paid")}`,
    `update points_movements set order_id = '${ID}5' where order_id = ${order("paid")}`,
    `update points_movements set campaign_id = '${ID}5' where order_id = ${order("paid")}`,
    `delete from order_points where order_id = ${order("paid")}`,
    `update orders set user_id = '${ID}7' where id = ${order("paid")}`,
  ],
  points_follow_money: [
    `update order_points set points = points - 1;
     update orders set updated_at = now() - interval '11 minutes' where id = ${order("paid")}`,
    `update orders set amount_refunded = amount_paid, updated_at = now() - interval '11 minutes'
     where id = ${order("paid")}`,
  ],
  rewards_are_counted: [
    "update rewards set redeemed = redeemed + 1",
    "update reward_redemptions set points = points + 1",
    "delete from points_movements where kind = 'redeemed'",
    `update reward_redemptions set user_id = '${ID}7'`,
    "update promotions set user_id = null",
    `update points_movements set redemption_id = '${ID}5' where kind = 'redeemed'`,
  ],

  events_have_no_gap: `delete from events where aggregate_type = 'order' and aggregate_id = ${
    order("delivered")
  }::text and sequence = 2`,
  the_log_begins_with_everything: [
    payment(),
    cart("open"),
    `update events set aggregate_id = '${ID}5' where aggregate_type = 'order' and aggregate_id = ${
      order("paid")
    }::text`,
  ],
  orders_are_their_last_event: [
    `update orders set version = version + 1 where id = ${order("pending")}`,
    `update orders set version = version - 1 where id = ${order("paid")}`,
    `update orders set fulfilment_status = 'RETURNED' where id = ${order("paid")}`,
  ],

  nothing_is_without_its_order: [
    `update stock_movements set order_id = '${ID}5' where order_id = ${order("pending")}`,
    `update shipments set order_id = '${ID}5' where order_id = ${order("shipped")}`,
    `update order_items set order_id = '${ID}5' where order_id = ${order("pending")}`,
  ],
  nothing_is_without_its_whole: [
    "update shipment_items set line = 99 where line = 1",
    quote("open"),
    use(`quote_id = '${ID}2'`),
    refund("failed"),
    `update stock_movements set quote_id = '${ID}2' where order_id = ${order("pending")}`,
  ],
  order_references_are_claimed: "delete from order_references where external_reference = 'paid'",
  idempotency_keys_have_their_order: `update idempotency_keys set order_id = '${ID}5'`,
  no_event_was_given_up:
    `insert into outbox (position, shard, message_key, status, dead_at) values (${event}, 0, 'key', 'dead', now())`,
  no_event_waits_for_kafka: `insert into outbox (position, shard, message_key, created_at)
    values (${event}, 0, 'key', now() - interval '2 hours')`,
  no_reader_of_the_log_is_behind: `update events set occurred_at = now() - interval '2 hours';
    update log_readers set position = 1 where name = 'kafka'`,
  no_payment_webhook_waits: `insert into payment_webhooks (provider, event_id, payload, received_at)
    values ('sandbox', 'event', '{}', now() - interval '2 hours')`,
  no_payment_is_in_doubt: payment(", check_at", ", now() - interval '2 hours'"),
  orders_expire_in_time:
    `update orders set expires_at = now() - interval '1 hour' where external_reference = 'pending'`,
  no_order_owes_money: [
    payment(", amount_captured", ", 50"),
    `${payment(", amount_captured", ", 50")}; ${disputedWhole}`,
  ].map((has) =>
    `${has}; update orders set amount_due = -1, updated_at = now() - interval '1 hour' where external_reference = 'paid'`
  ),
  no_refund_waits: refund("pending", "2 days"),
};
