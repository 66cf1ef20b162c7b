import { givingWay, takingTurns } from "../platform/turns.ts";
import type { Invoice, InvoiceLine } from "./invoice.ts";
import { MARGIN, Paper, TEXT_WIDTH, type TextStyle } from "./paper.ts";

const GREY = "#5b6472";
const DARK_LINE = { thickness: 0.8, colour: "#14181f" };
const LABEL: TextStyle = { size: 7, bold: true, colour: GREY };
const HEAD: TextStyle = { size: 7.2, bold: true };
const CELL: TextStyle = { size: 8 };
const CELL_PADDING = 3;
const GAP = 20;
const HALF = (TEXT_WIDTH - GAP) / 2;
/** Of a table's head. */
const MAX_HEAD_HEIGHT = 40;
const SIGNATURE_HEIGHT = 110;
const TOTALS_WIDTH = 210;
const BLOCK_SIZES = [9, 8, 7, 6, 5, 4];
const MAX_BLOCK_HEIGHT = 400;

interface Column {
  key: keyof InvoiceLine;
  heading: (currency: string) => string;
  /** In points; together they are as wide as the text. */
  width: number;
  align?: "right";
  /** Breaks into lines; others are one line, in smaller letters if need be. */
  wraps?: boolean;
}

const COLUMNS: Column[] = [
  { key: "line", heading: () => "No.", width: 25 },
  { key: "sku", heading: () => "SKU", width: 76, wraps: true },
  { key: "description", heading: () => "Description of goods", width: 129.28, wraps: true },
  { key: "hsCode", heading: () => "HS code", width: 56 },
  { key: "origin", heading: () => "Origin", width: 34 },
  { key: "quantity", heading: () => "Qty", width: 37, align: "right" },
  { key: "netWeight", heading: () => "Net weight / unit, kg", width: 48, align: "right" },
  { key: "unitValue", heading: (currency) => `Unit value, ${currency}`, width: 54, align: "right" },
  { key: "lineValue", heading: (currency) => `Line value, ${currency}`, width: 56, align: "right" },
];

/** A thousand lines take about a second of work. */
const inTurn = takingTurns({ atATime: 1, waiting: 19, refusal: "Too many documents are being made." });

/**
 * Prints an invoice as PDF, A4, on as many pages as it takes. The same invoice always gives the same bytes. One is
 * drawn at a time, and between its lines other requests get their turn.
 *
 * @throws unavailable where too many wait already
 */
export async function drawInvoice(invoice: Invoice): Promise<Uint8Array<ArrayBuffer>> {
  return await inTurn(() => draw(invoice));
}

async function draw(invoice: Invoice): Promise<Uint8Array<ArrayBuffer>> {
  const paper = new Paper({
    title: `Commercial invoice ${invoice.number}`,
    author: invoice.seller.name,
    createdAt: new Date(invoice.changedAt),
  });
  drawHeader(paper, invoice);
  drawParties(paper, invoice);
  await drawLines(paper, invoice);
  drawTotals(paper, invoice);
  drawDeclaration(paper, invoice);
  return await paper.finish((page, pages) => [
    `Commercial invoice ${invoice.number}`,
    `Page ${page} of ${pages}`,
  ]);
}

function drawHeader(paper: Paper, invoice: Invoice): void {
  paper.write("Commercial invoice", { x: MARGIN, y: paper.y, width: TEXT_WIDTH }, { size: 20, bold: true });
  paper.y += 36;
  const facts: [label: string, value: string][] = [
    ["Invoice number", invoice.number],
    ["Invoice date", invoice.date],
    ["Currency", invoice.currency],
    ["Reason for export", "Sale"],
  ];
  const width = TEXT_WIDTH / facts.length;
  paper.line(MARGIN, paper.y, TEXT_WIDTH, DARK_LINE);
  facts.forEach(([label, value], index) => {
    const x = MARGIN + index * width;
    paper.write(label, { x, y: paper.y + 6, width }, LABEL);
    paper.write(value, { x, y: paper.y + 16, width }, { size: 9.5, bold: true });
  });
  paper.y += 36;
  paper.line(MARGIN, paper.y, TEXT_WIDTH);
  paper.y += 12;
}

function drawParties(paper: Paper, invoice: Invoice): void {
  const { seller, consignee } = invoice;
  drawBlocks(paper, {
    label: "Seller / exporter",
    title: seller.name,
    lines: [...seller.lines, ...seller.taxId ? [`Tax / customs ID: ${seller.taxId}`] : []],
  }, {
    label: "Consignee / ship to",
    title: invoice.shipTo.name,
    lines: [
      ...invoice.shipTo.lines,
      ...consignee
        ? [`Identified as: ${consignee.name}`, `${consignee.id_type}: ${consignee.id_number}`]
        : [],
    ],
  });
  paper.y += 10;
  drawBlocks(paper, { label: "Terms of delivery", lines: [invoice.terms ?? "None agreed"] }, {
    label: "Dispatched from / destination",
    lines: [`${invoice.dispatchedFrom} / ${invoice.destination}`],
  });
  paper.y += 14;
}

interface Block {
  label: string;
  title?: string;
  lines: string[];
}

/** Draws two blocks beside each other, in smaller letters if they would take more than half of the page. */
function drawBlocks(paper: Paper, left: Block, right: Block): void {
  const heights = [left, right].map((block, index) => {
    const parts = [block.title ?? [], block.lines].flat();
    const place = { x: MARGIN + index * (HALF + GAP), width: HALF };
    const style = (part: number, size: number) => ({ size, bold: block.title !== undefined && part === 0 });
    const size = BLOCK_SIZES.find((size) =>
      parts.reduce((height, text, part) => {
        const own = style(part, size);
        return height + paper.heightOf(paper.lines(text, HALF, own).length, own);
      }, 0) <= MAX_BLOCK_HEIGHT
    ) ?? BLOCK_SIZES.at(-1)!;
    let y = paper.y + paper.write(block.label, { ...place, y: paper.y }, LABEL) + 2;
    parts.forEach((text, part) => y += paper.write(text, { ...place, y }, style(part, size)));
    return y - paper.y;
  });
  paper.y += Math.max(...heights);
}

async function drawLines(paper: Paper, invoice: Invoice): Promise<void> {
  const giveWay = givingWay();
  for (const [row, line] of invoice.lines.entries()) {
    await giveWay();
    const cells = COLUMNS.map(({ key, width, wraps }) =>
      wraps ? paper.lines(line[key], width - 2 * CELL_PADDING, CELL) : [line[key]]
    );
    const height = paper.heightOf(Math.max(...cells.map((cell) => cell.length)), CELL) + 2 * CELL_PADDING;
    const isFirst = row === 0;
    const hasRoom = paper.hasRoom(isFirst ? MAX_HEAD_HEIGHT + height : height);
    if (!hasRoom) paper.addPage();
    if (isFirst || !hasRoom) drawTableHead(paper, invoice.currency);
    let x = MARGIN;
    COLUMNS.forEach(({ width, align, wraps }, index) => {
      const place = { x: x + CELL_PADDING, y: paper.y + CELL_PADDING, width: width - 2 * CELL_PADDING };
      if (wraps) paper.writeLines(cells[index]!, place, CELL);
      else paper.writeFitting(cells[index]![0]!, place, { ...CELL, align });
      x += width;
    });
    paper.y += height;
    paper.line(MARGIN, paper.y, TEXT_WIDTH);
  }
}

function drawTableHead(paper: Paper, currency: string): void {
  const headings = COLUMNS.map(({ heading, width }) =>
    paper.lines(heading(currency), width - 2 * CELL_PADDING, HEAD)
  );
  const height = paper.heightOf(Math.max(...headings.map((lines) => lines.length)), HEAD) + 2 * CELL_PADDING +
    2;
  paper.fill(MARGIN, paper.y, TEXT_WIDTH, height, "#eef1f5");
  let x = MARGIN;
  COLUMNS.forEach(({ width, align }, index) => {
    const place = { x: x + CELL_PADDING, y: paper.y + CELL_PADDING + 1, width: width - 2 * CELL_PADDING };
    paper.writeLines(headings[index]!, place, { ...HEAD, align });
    x += width;
  });
  paper.y += height;
  paper.line(MARGIN, paper.y, TEXT_WIDTH, DARK_LINE);
}

function drawTotals(paper: Paper, invoice: Invoice): void {
  const rowHeight = 14;
  const height = (invoice.totals.length + 1) * rowHeight + 24;
  if (!paper.hasRoom(height)) paper.addPage();
  paper.y += 10;
  drawWeights(paper, invoice);
  const x = MARGIN + TEXT_WIDTH - TOTALS_WIDTH;
  const inner = { x: x + CELL_PADDING, width: TOTALS_WIDTH - 2 * CELL_PADDING };
  for (const { label, amount } of invoice.totals) {
    paper.write(label, { ...inner, y: paper.y }, { size: 8.5 });
    paper.write(amount, { ...inner, y: paper.y }, { size: 8.5, align: "right" });
    paper.y += rowHeight;
  }
  paper.line(x, paper.y, TOTALS_WIDTH, DARK_LINE);
  paper.write("Total", { ...inner, y: paper.y + 4 }, { size: 10, bold: true });
  paper.write(invoice.total, { ...inner, y: paper.y + 4 }, { size: 10, bold: true, align: "right" });
  paper.y += 26;
}

function drawWeights(paper: Paper, { units, netWeight }: Invoice): void {
  const rows = [["Units", units], [
    "Total net weight",
    netWeight === undefined ? "not known" : `${netWeight} kg`,
  ]];
  rows.forEach(([label, value], index) => {
    const y = paper.y + index * 14;
    paper.write(label!, { x: MARGIN + CELL_PADDING, y, width: 90 }, { size: 8.5, colour: GREY });
    paper.write(value!, { x: MARGIN + CELL_PADDING + 90, y, width: 150 }, { size: 8.5, bold: true });
  });
}

function drawDeclaration(paper: Paper, invoice: Invoice): void {
  const notes = [
    "I declare that the information on this invoice is true and correct, and that the goods have the origin shown.",
    ...invoice.isCovered
      ? [
        "Customer's copy: who receives the goods is covered in part. The seller's copy for customs has it in full.",
      ]
      : [],
    ...paper.changedLetters
      ? ["Text in scripts that these fonts do not have is given in Latin letters, other signs as “?”."]
      : [],
  ];
  if (!paper.hasRoom(SIGNATURE_HEIGHT)) paper.addPage();
  paper.y += 12;
  paper.write("Declaration", { x: MARGIN, y: paper.y, width: TEXT_WIDTH }, LABEL);
  paper.y += 12;
  for (const note of notes) {
    paper.y += paper.write(note, { x: MARGIN, y: paper.y, width: TEXT_WIDTH }, { size: 8.5 });
  }
  paper.y += 34;
  const width = (TEXT_WIDTH - 2 * GAP) / 3;
  [`Name, for ${invoice.seller.name}`, "Place and date", "Signature"].forEach((label, index) => {
    const x = MARGIN + index * (width + GAP);
    paper.line(x, paper.y, width, DARK_LINE);
    paper.writeFitting(label, { x, y: paper.y + 3, width }, { size: 7.5, colour: GREY });
  });
}
