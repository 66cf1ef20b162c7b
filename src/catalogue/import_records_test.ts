import { assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { AppError } from "../platform/errors.ts";
import { type ImportEntry, readCsv, readNdjson } from "./import_records.ts";

const MAX_LENGTH = 200;

async function csv(text: string): Promise<ImportEntry[]> {
  const lines = text.split("\n").map((text, i) => ({ number: i + 1, text }));
  return await Array.fromAsync(readCsv(ReadableStream.from(lines), MAX_LENGTH));
}

const summary = (entry: ImportEntry) =>
  Array.isArray(entry) ? `${entry[0]!.line}!` : `${entry.line}:${entry.sku}`;

Deno.test("quoted cells hold commas, quotes and line breaks", async () => {
  const [entry] = await csv('sku,description,name\nA,"a, ""b""\n\nc","x"');
  assertEquals(entry, {
    line: 2,
    sku: "A",
    changes: { description: 'a, "b"\n\nc', name: "x" },
    prices: undefined,
  });
});

Deno.test("a blank line before the header does not say how many cells a record has", async () => {
  for (const blank of ["", "  ", ","]) {
    assertEquals(
      (await csv(`${blank}\nsku,name,description\nA,a,"two\nlines"`)).map(summary),
      ["3:A"],
      blank,
    );
  }
});

Deno.test("a stray quote costs its own line, wherever the next quote stands", async () => {
  const cases: [string, string[]][] = [
    ['A,"open\nB,b\nC,c', ["2!", "3:B", "4:C"]],
    ['A,5" nail\nB,b\nC,6" nail\nD,d', ["2!", "3:B", "4!", "5:D"]],
    ['A,"open\nB,"b"\nC,c', ["2!", "3:B", "4:C"]],
    ['A,"open\nB,b""\nC,c', ["2!", "3!", "4:C"]],
    ['A,"open\n\n\nB,b', ["2!", "5:B"]],
    [`A,"open\n${"B,b\n".repeat(100)}`, ["2!", ...Array.from({ length: 100 }, (_, i) => `${i + 3}:B`)]],
    ['A,"a" b\nB,b', ["2!", "3:B"]],
    ['A,"two\nlines"\nB,"b', ["2:A", "4!"]],
    ['A,"open\nB,b\nC",c', ["2!", "3:B", "4!"]],
  ];
  for (const [rows, expected] of cases) {
    assertEquals((await csv(`sku,description\n${rows}`)).map(summary), expected, rows);
  }
});

Deno.test("no line of a CSV is lost: each good one is found among whatever bad ones", async () => {
  const bad = fc.array(fc.constantFrom('"', "a", ",", " ", "é"), { maxLength: 12 }).map((parts) =>
    parts.join("")
  );
  await fc.assert(fc.asyncProperty(fc.array(bad, { maxLength: 6 }), async (junk) => {
    // A quote that opens in one bad line and closes in another may swallow what stands between them, so there is
    // nothing good between bad lines here; after them all must be there.
    const good = Array.from({ length: 5 }, (_, i) => `GOOD-${i},fine`);
    const entries = await csv(["sku,description", ...junk, ...good].join("\n"));
    const found = entries.flatMap((entry) => Array.isArray(entry) ? [] : [entry.sku]);
    assertEquals(found.filter((sku) => sku.startsWith("GOOD-")), good.map((row) => row.split(",")[0]!));
  }));
});

Deno.test("a header that cannot be read, or names no sku, is refused", async () => {
  for (
    const header of [
      '"sku',
      "name",
      "sku,,name",
      "sku,sku",
      "sku,price_eur",
      "sku,attributes._a",
      "sku,toString",
    ]
  ) {
    await assertRejects(() => csv(`${header}\nA,b`), AppError, undefined, header);
  }
});

Deno.test("NDJSON lines that are no object with a SKU are faults of their own", async () => {
  const lines = [
    '{"sku":"A"}',
    "[]",
    "1",
    "null",
    "{",
    "",
    "  ",
    '{"sku":1}',
    '{"sku":"B"} ',
    '{"sku":"C"}{}',
  ]
    .map((text, i) => ({ number: i + 1, text }));
  const entries = await Array.fromAsync(readNdjson(ReadableStream.from([...lines, { number: 99 }])));
  assertEquals(entries.map(summary), ["1:A", "2!", "3!", "4!", "5!", "8!", "9:B", "10!", "99!"]);
});

Deno.test("a fault names its column as the file does, and no more of a SKU than one may have", async () => {
  const faultsOf = (entries: ImportEntry[]) =>
    entries.flatMap((entry) => Array.isArray(entry) ? entry.map(({ sku, field }) => [sku, field]) : []);
  assertEquals(faultsOf(await csv(`sku,attributes.a/b\nA,${"x".repeat(1001)}`)), [["A", "attributes.a/b"]]);
  const text = JSON.stringify({ sku: "S".repeat(5000) });
  const lines = ReadableStream.from([{ number: 1, text }]);
  assertEquals(faultsOf(await Array.fromAsync(readNdjson(lines))), [["S".repeat(64), "/sku"]]);
});
