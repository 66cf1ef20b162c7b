import type { Plan } from "./plan.ts";
import type { Played } from "./play.ts";
import { REASONS } from "./reasons.ts";
import { type CountryTotals, noTotals } from "./table.ts";

const pounds = (pence: number) => (pence / 100).toLocaleString("en", { minimumFractionDigits: 2 });
const COLUMNS: { title: string; value: (totals: CountryTotals) => string }[] = [
  { title: "invoices", value: (t) => t.invoices.toLocaleString("en") },
  { title: "lines", value: (t) => t.lines.toLocaleString("en") },
  { title: "units", value: (t) => t.units.toLocaleString("en") },
  { title: "GBP", value: (t) => pounds(t.amount) },
  { title: "cancelled", value: (t) => `${t.ordersCancelled}+${t.ordersPartlyCancelled}` },
  { title: "units", value: (t) => t.cancelledUnits.toLocaleString("en") },
  { title: "GBP", value: (t) => pounds(t.cancelledAmount) },
];

/** The lines of the report, and whether the file and the API agree to the penny. */
export function report(plan: Plan, played: Played, api: CountryTotals[]): { text: string; agrees: boolean } {
  const { text: table, agrees } = compare(plan.tableByCountry, api);
  const { placingSeconds, ...counts } = played;
  const { created } = counts.orders;
  const perSecond = (count: number) => (count / placingSeconds).toFixed(0);
  const lines = [
    "",
    ...Object.entries(counts).map(([what, count]) =>
      `${what.padEnd(14)} ${count.created} new, ${count.unchanged} there already`
    ),
    Object.values(counts).every((count) => count.created === 0)
      ? "Changed nothing."
      : `Placed ${created} orders with ${plan.rows.orderLines} lines in ${placingSeconds.toFixed(1)} s: ` +
        `${perSecond(created)} orders/s, ${perSecond(plan.rows.orderLines)} lines/s`,
    "",
    `${plan.rows.total} rows: ${plan.rows.orderLines} order lines, ${plan.rows.cancellationLines} lines of credit notes ` +
    `matched to an order, ${plan.rows.setAside} set aside:`,
    ...plan.setAside.map(({ reason, rows, amount }) =>
      `${String(rows).padStart(6)}  ${pounds(amount).padStart(12)} GBP  ${REASONS[reason]}`
    ),
    "",
    table,
    "",
    agrees ? "The file and the API agree to the penny." : "The file and the API DIFFER.",
  ];
  return { text: lines.join("\n"), agrees };
}

/** One line a country, the file's; where the API's differs, it stands below. Cancelled: whole orders + orders in part. */
function compare(file: CountryTotals[], api: CountryTotals[]): { text: string; agrees: boolean } {
  const byCountry = new Map(api.map((totals) => [totals.country, totals]));
  const countries = [...new Set([...file, ...api].map(({ country }) => country))].sort();
  const line = (title: string, totals: CountryTotals | undefined) =>
    title.padEnd(10) + COLUMNS.map(({ value }) => (totals ? value(totals) : "none").padStart(13)).join("");
  const header = "country".padEnd(10) + COLUMNS.map(({ title }) => title.padStart(13)).join("");
  let agrees = true;
  const lines = countries.flatMap((country) => {
    const expected = file.find((totals) => totals.country === country);
    const found = byCountry.get(country);
    if (JSON.stringify(expected) === JSON.stringify(found)) return [`${line(country, expected)}  =`];
    agrees = false;
    return [line(`${country} file`, expected), line(`${country} API`, found)];
  });
  const sum = (all: CountryTotals[]) =>
    all.reduce((total, each) => {
      for (const [key, value] of Object.entries(each)) {
        if (typeof value === "number") (total as never as Record<string, number>)[key]! += value;
      }
      return total;
    }, noTotals(""));
  return {
    text: [header, ...lines, line("all file", sum(file)), line("all API", sum(api))].join("\n"),
    agrees,
  };
}
