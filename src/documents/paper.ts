// @ts-types="@types/pdfkit"
import PDFDocument from "pdfkit";
import { breakLines } from "./break_lines.ts";
import { type Face, fontOf, readable, runsOf } from "./fonts.ts";

/** A4 in points, and the margin on all sides. */
const HEIGHT = 841.89;
export const MARGIN = 40;
/** From the left margin to the right one. */
export const TEXT_WIDTH = 595.28 - 2 * MARGIN;
/** What the last line of a page, which every page has, takes. */
const FOOTER_HEIGHT = 24;
/** Of the letters' size. */
const LINE_HEIGHT = 1.3;
const MIN_SIZE = 4;

export interface TextStyle {
  /** Of the letters, in points. */
  size: number;
  bold?: boolean;
  align?: "right";
  colour?: string;
}

/** Where a text goes, in points from the upper left corner; it is broken into lines of this width. */
export interface Place {
  x: number;
  y: number;
  width: number;
}

/**
 * A4 pages to write on from top to bottom, in any script. Its bytes follow from what is written alone: nothing of the
 * present moment is in them.
 */
export class Paper {
  /** Where the next thing goes. */
  y = MARGIN;
  /** Was something given in other letters than it was written in? */
  changedLetters = false;
  readonly #document: PDFKit.PDFDocument;
  readonly #chunks: Uint8Array[] = [];
  readonly #ended: Promise<void>;

  constructor({ title, author, createdAt }: { title: string; author: string; createdAt: Date }) {
    this.#document = new PDFDocument({
      size: "A4",
      margin: 0,
      font: null as unknown as string, // none: the built-in ones are never embedded
      bufferPages: true,
      pdfVersion: "1.7",
      lang: "en",
      displayTitle: true,
      info: {
        Title: title,
        Author: author,
        Creator: "Waybill",
        Producer: "Waybill",
        CreationDate: createdAt,
      },
    });
    this.#document.on("data", (chunk: Uint8Array) => this.#chunks.push(chunk));
    this.#ended = new Promise((resolve, reject) => {
      this.#document.on("end", () => resolve());
      this.#document.on("error", reject);
    });
  }

  /** Is there so much room left above the page's last line? */
  hasRoom(height: number): boolean {
    return this.y + height <= HEIGHT - MARGIN - FOOTER_HEIGHT;
  }

  addPage(): void {
    this.#document.addPage();
    this.y = MARGIN;
    this.#forgetLayouts();
  }

  /** The lines that a text takes in a column. */
  lines(text: string, width: number, style: TextStyle): string[] {
    const { text: shown, changed } = readable(text);
    this.changedLetters ||= changed;
    return breakLines(shown, width, (part) => this.#widthOf(part, style));
  }

  /** The height of so many lines. */
  heightOf(lines: number, { size }: TextStyle): number {
    return lines * size * LINE_HEIGHT;
  }

  /** Writes a text in as many lines as it takes. @returns its height */
  write(text: string, place: Place, style: TextStyle): number {
    return this.writeLines(this.lines(text, place.width, style), place, style);
  }

  /** Writes lines that {@link lines} gave. @returns their height */
  writeLines(lines: string[], { x, y, width }: Place, style: TextStyle): number {
    lines.forEach((line, index) => {
      const start = style.align === "right" ? x + width - this.#widthOf(line, style) : x;
      const baseline = y + this.heightOf(index, style) + style.size;
      this.#writeLine(line, start, baseline, style);
    });
    return this.heightOf(lines.length, style);
  }

  /** Writes one line, with smaller letters if it would not fit. */
  writeFitting(text: string, place: Place, style: TextStyle): void {
    const { size } = style;
    const { text: shown, changed } = readable(text);
    this.changedLetters ||= changed;
    const fitting = Math.min(size, size * place.width / Math.max(1, this.#widthOf(shown, style)));
    this.writeLines([shown], { ...place, y: place.y + (size - fitting) * LINE_HEIGHT / 2 }, {
      ...style,
      size: Math.max(MIN_SIZE, fitting),
    });
  }

  line(x: number, y: number, width: number, { thickness = 0.5, colour = "#c9ced6" } = {}): void {
    this.#document.moveTo(x, y).lineTo(x + width, y).lineWidth(thickness).strokeColor(colour).stroke();
  }

  fill(x: number, y: number, width: number, height: number, colour: string): void {
    this.#document.rect(x, y, width, height).fill(colour);
  }

  /** Writes the last line of each page. @returns the finished document's bytes */
  async finish(
    footer: (page: number, pages: number) => [left: string, right: string],
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { count } = this.#document.bufferedPageRange();
    const style: TextStyle = { size: 7.5, colour: "#5b6472" };
    for (let page = 0; page < count; page++) {
      this.#document.switchToPage(page);
      const [left, right] = footer(page + 1, count);
      const y = HEIGHT - MARGIN - this.heightOf(1, style);
      this.write(left, { x: MARGIN, y, width: TEXT_WIDTH * 0.75 }, style);
      this.write(right, { x: MARGIN, y, width: TEXT_WIDTH }, { ...style, align: "right" });
    }
    this.#document.end();
    await this.#ended;
    return new Uint8Array(await new Blob(this.#chunks as BlobPart[]).arrayBuffer());
  }

  #writeLine(line: string, x: number, baseline: number, style: TextStyle): void {
    this.#document.fillColor(style.colour ?? "#14181f");
    for (const { face, text } of runsOf(line, style.bold ? "bold" : "regular")) {
      this.#setFace(face, style);
      this.#document.text(text, x, baseline, { lineBreak: false, baseline: "alphabetic" });
      x += this.#document.widthOfString(text);
    }
  }

  #widthOf(text: string, style: TextStyle): number {
    return runsOf(text, style.bold ? "bold" : "regular").reduce((width, run) => {
      this.#setFace(run.face, style);
      return width + this.#document.widthOfString(run.text);
    }, 0);
  }

  /**
   * PDFKit keeps how each word is drawn that it ever met, glyph by glyph: of a thousand lines of long names that was more than
   * a process of 128 MB has. Without keeping any it takes ten times as long; so it keeps those of a page.
   */
  #forgetLayouts(): void {
    const { _fontFamilies } = this.#document as unknown as {
      _fontFamilies: Record<string, { layoutCache: object }>;
    };
    for (const font of Object.values(_fontFamilies)) font.layoutCache = Object.create(null);
  }

  #setFace(face: Face, { size }: TextStyle): void {
    // PDFKit takes a font that fontkit opened as well, which saves parsing it for each document.
    this.#document.font(fontOf(face) as unknown as PDFKit.Mixins.PDFFontSource, face, size);
  }
}
