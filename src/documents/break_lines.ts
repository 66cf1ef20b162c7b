const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/** Where a line may end: after white space, a hyphen or a slash, and around every character of Chinese and Japanese. */
const PIECES =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]\s*|[^\s\-/\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]*[-/]+\s*|[^\s\-/\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]+\s*|\s+/gu;

/** Breaks a text into lines that are at most `width` wide; what has no better place is broken between characters. */
export function breakLines(text: string, width: number, measure: (text: string) => number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const [piece] of text.trim().matchAll(PIECES)) {
    if (measure((line + piece).trimEnd()) <= width) {
      line += piece;
      continue;
    }
    if (line !== "") lines.push(line.trimEnd());
    line = piece;
    while (measure(line.trimEnd()) > width) {
      const head = longestHead(line, width, measure);
      lines.push(head);
      line = line.slice(head.length);
    }
  }
  return line === "" && lines.length > 0 ? lines : [...lines, line.trimEnd()];
}

/** At least one character, since a column can be narrower than that. */
function longestHead(text: string, width: number, measure: (text: string) => number): string {
  let head = "";
  for (const { segment } of graphemes.segment(text)) {
    if (head !== "" && measure(head + segment) > width) break;
    head += segment;
  }
  return head;
}
