import { assert, assertEquals, assertThrows } from "@std/assert";
import { AppError } from "../platform/errors.ts";
import { readRateFile } from "./rate_file.ts";

const NOW = new Date("2026-11-21T09:00:00Z");

const read = (format: "csv" | "xml", text: string) => readRateFile(format, text, NOW);

const envelope = (days: string) =>
  `<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
	<gesmes:subject>Reference rates</gesmes:subject>
	<gesmes:Sender>
		<gesmes:name>European Central Bank</gesmes:name>
	</gesmes:Sender>
	<Cube>
${days}
	</Cube>
</gesmes:Envelope>`;

/** What is wrong with a file, as `pointer message`. */
function faults(format: "csv" | "xml", text: string): string[] {
  const error: AppError = assertThrows(() => read(format, text), AppError);
  assertEquals(error.code, "invalid_request");
  return error.errors.map(({ pointer, message, line }) => {
    assertEquals(String(line), pointer.split("/")[1]);
    return `${pointer} ${message}`;
  });
}

Deno.test("The one-line CSV and the daily XML of the ECB say the same", () => {
  const expected = {
    rates: [
      { currency: "USD", as_of: "2026-11-20", rate: "1.1578" },
      { currency: "JPY", as_of: "2026-11-20", rate: "180.10" },
    ],
    skipped: 0,
    skipped_currencies: [],
  };
  assertEquals(read("csv", "Date, USD, JPY, \r\n20 November 2026, 1.1578, 180.10, \r\n"), expected);
  assertEquals(
    read(
      "xml",
      envelope(`
    <Cube time='2026-11-20'>
      <Cube currency='USD' rate='1.1578'/>
      <Cube currency='JPY' rate='180.10'></Cube>
    </Cube>`),
    ),
    expected,
  );
});

Deno.test("The history has a day a line, N/A where there was no rate, and currencies that are gone", () => {
  const text =
    "\ufeffDate,USD,JPY,CYP,TRL,\n2026-11-20,1.1578,180.1,N/A,N/A,\n\n1999-01-04,1.1789,133.73,0.58231,N/A,\n";
  assertEquals(read("csv", text), {
    rates: [
      { currency: "USD", as_of: "2026-11-20", rate: "1.1578" },
      { currency: "JPY", as_of: "2026-11-20", rate: "180.1" },
      { currency: "USD", as_of: "1999-01-04", rate: "1.1789" },
      { currency: "JPY", as_of: "1999-01-04", rate: "133.73" },
    ],
    skipped: 1,
    skipped_currencies: ["CYP"],
  });
});

Deno.test("Everything that is wrong with a CSV is said by line and field", () => {
  assertEquals(
    faults(
      "csv",
      "Date,USD,JPY\n2026-11-20,1.1,N/A\n30 February 2026,1.1,2\n2026-11-19,0.0,1e3\n2026-11-18,,-1\n" +
        "2026-11-23,1,1\n2026-11-20,1.2,0.123456789\n1 Nov 2026,N/A,1\n0000-01-01,1,1\n",
    ),
    [
      "/3/Date Date must be a day such as 2026-11-20 or 20 November 2026",
      "/4/USD USD must be a decimal number above 0 with at most 8 decimals, such as 1.0874",
      "/4/JPY JPY must be a decimal number above 0 with at most 8 decimals, such as 1.0874",
      "/5/USD USD must be a decimal number above 0 with at most 8 decimals, such as 1.0874",
      "/5/JPY JPY must be a decimal number above 0 with at most 8 decimals, such as 1.0874",
      "/6/Date Date must not be in the future",
      "/7/USD USD is there twice for 2026-11-20",
      "/7/JPY JPY must be a decimal number above 0 with at most 8 decimals, such as 1.0874",
      "/8/Date Date must be a day such as 2026-11-20 or 20 November 2026",
      "/9/Date Date must be a day such as 2026-11-20 or 20 November 2026",
    ],
  );
  assertEquals(faults("csv", "Date,USD\n2026-11-20,1.1,2\n2026-11-19\n"), [
    "/2 has 3 cells where the header has 2",
    "/3 has 1 cells where the header has 2",
  ]);
  assertEquals(faults("csv", "Date,USD,EUR,usd\n2026-11-20,1.1,1,2\n"), [
    "/2/EUR EUR has no rate: all rates are what one euro is worth",
    "/2/usd usd must be three capitals (ISO 4217)",
  ]);
});

Deno.test("A file that is none is refused: no header, no rates, a stray quote, a currency twice", () => {
  const header = "must be a header such as Date, USD, JPY";
  for (const text of ["", "\n\n", "{}", "USD,JPY\n1,2", "Date\n2026-11-20\n"]) {
    assert(faults("csv", text)[0]!.endsWith(header), text);
  }
  assertEquals(faults("csv", "Date,USD\n"), ["/1 has no rates"]);
  assertEquals(faults("csv", "Date,USD\n2026-11-20,N/A\n"), ["/1 has no rates"]);
  assertEquals(faults("csv", "Date,USD,USD\n2026-11-20,1,2\n"), ["/1/USD USD stands in the header twice"]);
  assert(/a quote in the wrong place/.test(faults("csv", 'Date,USD\n2026-11-20,"1\n')[0]!));
});

Deno.test("A file of rubbish gets a hundred errors back and no more", () => {
  assertEquals(faults("csv", "Date,USD\n" + "x,y\n".repeat(5000)).length, 100);
});

Deno.test("A CSV of more lines or cells than reference rates have is refused before it is parsed", () => {
  const day = (i: number) => new Date(Date.UTC(1999, 0, 4 + i)).toISOString().slice(0, 10);
  const codes = [..."ABCDEF"].flatMap((a) => [..."GHIJKLM"].map((b) => `Q${a}${b}`));
  const history = Array.from({ length: 7000 }, (_, i) => `${day(i)},${"1.2345,".repeat(codes.length)}\n`);
  assertEquals(read("csv", `Date,${codes},\n${history.join("")}`).skipped, 7000 * codes.length);

  const tooMany = "/20001 is more than the 20000 lines that a file may have";
  assertEquals(faults("csv", "Date,USD\n" + "a\n".repeat(2_000_000)), [tooMany]);
  assertEquals(faults("csv", "Date,USD\n" + "a,b,c,d,\n".repeat(300_000)), [tooMany]);
  for (const head of ["Date", "Date,USD\n2026-11-20"]) {
    assert(/has more than 5000 characters/.test(faults("csv", head + ",".repeat(4_000_000))[0]!), head);
  }
});

Deno.test("What is wrong with an XML is said by line and field", () => {
  const text = envelope(`<Cube time='2026-11-20'>
<Cube currency='USD' rate='one'/>
<Cube currency='JPY'/>
<Cube rate='1'/>
</Cube>
<Cube><Cube currency='USD' rate='1.1'/></Cube>`);
  const number = "must be a decimal number above 0 with at most 8 decimals, such as 1.0874";
  assertEquals(faults("xml", text), [
    `/9/USD USD ${number}`,
    `/10/JPY JPY ${number}`,
    "/11/currency currency must be three capitals (ISO 4217)",
    "/13/Date Date must be a day such as 2026-11-20 or 20 November 2026",
  ]);
  for (const nothing of ["<a/>", "<Cube/>", envelope(""), envelope("<Cube/>")]) {
    assertEquals(faults("xml", nothing), ["/1 has no rates"], nothing);
  }
  for (const broken of ["", "rates", "<a>", "<a><b></a></b>", envelope("</Cube>")]) {
    assert(/is not well-formed XML/.test(faults("xml", broken)[0]!), broken);
  }
});

Deno.test("Entities are neither expanded nor fetched: a document type is refused before anything is read", () => {
  const laughs = Array.from({ length: 20 }, (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`).join(
    "\n",
  );
  const day = (rate: string) => `<Cube time='2026-11-20'><Cube currency='USD' rate='${rate}'/></Cube>`;
  const attacks = {
    billionLaughs: `<!DOCTYPE a [<!ENTITY l0 "1">\n${laughs}]>${envelope(day("&l20;"))}`,
    external: `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>${envelope(day("&x;"))}`,
    externalSubset: `<!DOCTYPE a SYSTEM "http://127.0.0.1/x.dtd">${envelope(day("1"))}`,
    lowerCase: `<!doctype a>${envelope(day("1"))}`,
  };
  for (const [name, text] of Object.entries(attacks)) {
    assertEquals(faults("xml", text), ["/1 must not declare a document type or entities"], name);
  }
  assert(/decimal number/.test(faults("xml", envelope(day("&undeclared;")))[0]!));
  assert(/decimal number/.test(faults("xml", envelope(day("&#49;")))[0]!));
});

Deno.test("XML that means to break the parser is refused: nested without end, names of JavaScript's own", () => {
  const refused = (text: string) =>
    assert(/^\/\d+ (cannot be read|is not well-formed)/.test(faults("xml", text)[0]!));
  refused("<a>".repeat(100_000) + "</a>".repeat(100_000));
  refused(envelope("<__proto__><Cube/></__proto__>"));
  refused(envelope("<Cube constructor='x'/>"));
});

for (
  const [name, quote] of Object.entries({
    "an element where the currency should be": "<Cube rate='1.1'><currency><x/></currency></Cube>",
    "two currencies": "<Cube rate='1.1'><currency>USD</currency><currency>JPY</currency></Cube>",
  })
) {
  Deno.test(`A rate in XML with ${name} is refused by line`, () => {
    const xml = `<Envelope><Cube><Cube time='2026-11-20'>${quote}</Cube></Cube></Envelope>`;
    const error: AppError = assertThrows(() => readRateFile("xml", xml, NOW), AppError);
    assertEquals(error.code, "invalid_request");
  });
}
