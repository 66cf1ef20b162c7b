import { lettersOf } from "../platform/letters.ts";

/** Where a line may end: after white space, a hyphen or a slash, and around every character of Chinese and Japanese. */
const PIECES =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]\s*|[^\s\-/\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]*[-/]+\s*|[^\s\-/\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]+\s*|\s+/gu;

/**
 * Breaks a text into lines that are at most `width` wide, their pieces side by side; what has no better place is broken
 * between characters. It measures pieces only: whoever measures keeps each text that it was ever asked for, and of all
 * beginnings of a thousand long names that was more than a process has memory for.
 */
export function breakLines(text: string, width: number, measure: (text: string) => number): string[] {
  const lines: string[] = [];
  let line = "";
  let used = 0;
  const add = (part: string, size: number) => {
    line += part;
    used += size;
  };
  const makeRoom = (needed: number) => {
    if (line === "" || used + needed <= width) return;
    lines.push(line.trimEnd());
    line = "";
    used = 0;
  };
  for (const [piece] of text.trim().matchAll(PIECES)) {
    const word = piece.trimEnd();
    const needed = measure(word);
    makeRoom(needed);
    if (needed <= width) add(piece, measure(piece));
    else {
      for (const letter of lettersOf(word)) {
        const size = measure(letter);
        makeRoom(size);
        add(letter, size);
      }
      add(piece.slice(word.length), measure(piece.slice(word.length)));
    }
  }
  return [...lines, line.trimEnd()];
}
