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
    insert into products (id, sku, name, description, category, weight_grams, country_of_origin)
    select gen_random_uuid(), 'BENCH-' || lpad(i::text, 4, '0'), 'Bench product ' || i,
           'A product with a description of about the usual length, so that pages have their usual size.',
           'Category ' || i % 20, 100 + i, 'DE'
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
