import { XMLParser, XMLValidator } from "fast-xml-parser";
import { type Quote, refusal, wrong } from "./rate_quote.ts";

/** An element of the file: its attributes, and the `Cube` elements in it. */
interface Element {
  Cube?: Element[];
  time?: unknown;
  currency?: unknown;
  rate?: unknown;
}

const POSITION = XMLParser.getMetaDataSymbol() as unknown as keyof Element;

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: "",
  removeNSPrefix: true,
  processEntities: false,
  parseTagValue: false,
  captureMetaData: true,
  isArray: (name) => name === "Cube",
});

/**
 * eurofxref-daily.xml and its like: an envelope, in it a `Cube` with one for each day (`time`), in which there is one
 * for each rate (`currency`, `rate`).
 *
 * @throws invalid_request for what is not well-formed or has another structure. A document type is refused before
 *   anything is read: with it come entities, which can grow without end or fetch what the file may not see.
 */
export function readXmlQuotes(text: string): Quote[] {
  const documentType = text.search(/<!\s*(DOCTYPE|ENTITY)/i);
  const lineAt = lineCounter(text);
  if (documentType >= 0) {
    throw refusal([wrong(lineAt(documentType), "", "must not declare a document type or entities")]);
  }
  const valid = XMLValidator.validate(text);
  if (valid !== true) {
    throw refusal([wrong(valid.err.line, "", `is not well-formed XML: ${valid.err.msg.slice(0, 200)}`)]);
  }

  const days = cubes(parse(text).Envelope).flatMap(cubes);
  return days.flatMap((day) =>
    cubes(day).map((quote) => ({
      line: lineAt(positionOf(quote)),
      day: textOf(day.time),
      currency: textOf(quote.currency),
      rate: textOf(quote.rate),
    }))
  );
}

function parse(text: string): { Envelope?: Element } {
  try {
    return parser.parse(text);
  } catch (error) {
    throw refusal([wrong(1, "", `cannot be read: ${(error as Error).message.slice(0, 200)}`)]);
  }
}

/** The `Cube` elements of an element; one with nothing in it is an empty text. */
function cubes(element: Element | string | undefined): Element[] {
  if (typeof element !== "object") return [];
  return (element.Cube ?? []).filter((each) => typeof each === "object");
}

/** An attribute is a text; an element of its name, or several, are none. */
function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function positionOf(element: Element): number {
  return (element[POSITION] as unknown as { startIndex: number } | undefined)?.startIndex ?? 0;
}

/** Gives the line, counted from 1, of places that are asked for in their order. */
function lineCounter(text: string): (index: number) => number {
  let line = 1;
  const nextEnd = (from: number) => {
    const at = text.indexOf("\n", from);
    return at < 0 ? Infinity : at;
  };
  let end = nextEnd(0);
  return (index) => {
    for (; end < index; end = nextEnd(end + 1)) line++;
    return line;
  };
}
