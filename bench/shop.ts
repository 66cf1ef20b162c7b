import type postgres from "postgres";

const SKUS = 1000;
const CUSTOMERS = 200;
const OPENING_STOCK = 100_000_000;

/** What there is to order, and who orders. */
export interface Shop {
  skus: string[];
  customers: string[];
  adminId: string;
}

/** 1,000 products with a price and plenty of stock (with the movement that explains it), 200 customers, one admin. */
export async function fillShop(sql: postgres.Sql): Promise<Shop> {
  await sql`
    insert into products (id, sku, name, description, category, weight_grams, country_of_origin, hs_code)
    select gen_random_uuid(), 'BENCH-' || lpad(i::text, 4, '0'), 'Bench product ' || i,
           'A product with a description of about the usual length, so that pages have their usual size.',
           'Category ' || i % 20, 100 + i, 'PT', '691200'
    from generate_series(1, ${SKUS}::int) i`;
  await sql`
    insert into product_prices (product_id, currency, amount)
    select p.id, c.code, 100 + length(p.name) * 37 from products p, (values ('EUR'), ('GBP')) c (code)
    where p.sku like 'BENCH-%'`;
  await sql`
    with moved as (
      update stock_levels set on_hand = ${OPENING_STOCK}::int, version = 1 where sku like 'BENCH-%' returning *
    )
    insert into stock_movements (sku, location, kind, on_hand_delta, reserved_delta, version, reason, actor)
    select sku, location, 'receipt', on_hand, 0, 1, 'Opening stock', 'system:bench' from moved`;
  await openBorder(sql);
  const users = await sql<{ id: string; role: string }[]>`
    insert into users (id, email, role)
    select gen_random_uuid(), 'bench' || i || '@example.com', case when i = 0 then 'admin' else 'customer' end
    from generate_series(0, ${CUSTOMERS}::int) i
    returning id, role`;
  await sql`analyze`;
  const skus = await sql<{ sku: string }[]>`select sku from products where sku like 'BENCH-%' order by sku`;
  return {
    skus: skus.map(({ sku }) => sku),
    customers: users.filter(({ role }) => role === "customer").map(({ id }) => id),
    adminId: users.find(({ role }) => role === "admin")!.id,
  };
}

/** The law of one destination with 1,000 duty rates, and a way to send things there. */
async function openBorder(sql: postgres.Sql): Promise<void> {
  const rules = {
    currency: "GBP",
    customs_territory: "GB",
    duty: { valuation: "cif", de_minimis: { amount: 13500, basis: "goods" } },
    tax: {
      name: "VAT",
      rates: [{ hs_prefix: "", category: null, rate: "0.2", note: null }],
      base: ["goods", "shipping", "duty"],
      de_minimis: null,
      collected_by_seller_up_to: { amount: 13500, basis: "goods" },
      scheme: null,
    },
    restrictions: [],
    consignee_id: null,
  };
  await sql`
    with schedule as (
      insert into trade_schedules (id, destination, effective_from, rules, source, actor, created_at)
      values (gen_random_uuid(), 'GB', '2026-01-01', ${
    sql.json(rules)
  }, 'Bench', 'system:bench', now()) returning id
    )
    insert into duty_rates (schedule_id, hs_prefix, ad_valorem)
    select id, prefix, 0.12 from schedule, (
      select '6912' as prefix union all select (100000 + i)::text from generate_series(1, 1000) i) as rates`;
  await sql`
    insert into exchange_rates (currency, as_of, rate, source, actor, recorded_at)
    select 'GBP', current_date - i, 0.86, 'Bench', 'system:bench', now() from generate_series(0, 999) i`;
  await sql`
    insert into shipping_options (code, name, countries, currency, bands, created_at, updated_at)
    values ('standard', 'Standard', '{GB}', 'EUR', '[{"up_to_grams": 100000, "price": 500}]', now(), now())`;
}
