/** Why a row of the file is not played, each with the sentence that the report prints beside its count. */
export const REASONS = {
  "malformed:columns": "the row does not have the eight columns",
  "malformed:invoice_no": "InvoiceNo is missing, or not six digits with or without a leading C",
  "malformed:stock_code": "StockCode is missing",
  "malformed:quantity": "Quantity is not a whole number",
  "malformed:date": "InvoiceDate is not a time of the form DD/MM/YYYY HH:MM",
  "malformed:price": "UnitPrice is not a decimal number",
  "malformed:customer": "CustomerID is not a number",
  "price:not_whole_pence": "UnitPrice is finer than a penny, which no price can be",
  "country:unknown": "Country is not one that the data is known to name",
  "country:no_iso_code": "Country means no single country (Unspecified, European Community)",
  "no_sale:stock_correction": "a quantity of zero or less outside a cancellation: stock written off",
  "no_sale:zero_price": "a price of zero: stock found, or goods given away",
  "no_sale:negative_price": "a price below zero",
  "no_sale:positive_cancellation": "a cancellation with a quantity of zero or more",
  "no_sale:manual": "stock code M: an amount keyed by hand, of no product",
  "no_sale:discount": "stock code D: a discount, of no product",
  "no_sale:samples": "stock code S: samples",
  "no_sale:bank_charges": "stock code BANK CHARGES",
  "no_sale:marketplace_fee": "stock code AMAZONFEE",
  "no_sale:commission": "stock code CRUK: a charity's commission",
  "no_sale:bad_debt": "stock code B: bad debt written off",
  "no_sale:unknown_stock_code": "a stock code of no known form",
  "invoice:other_customer": "the customer differs from the invoice's first line",
  "invoice:other_country": "the country differs from the invoice's first line",
  "cancellation:guest": "cancelled for a guest: nothing says which guest",
  "cancellation:not_bought": "cancelled, but the file has no earlier sale of it to this customer",
  "cancellation:other_price": "cancelled at another price than this customer bought it at",
  "cancellation:more_than_bought": "cancelled in excess of what one order of this customer has left of it",
} as const satisfies Record<string, string>;

/** The key of one of `REASONS`. */
export type Reason = keyof typeof REASONS;
