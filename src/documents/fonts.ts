import anyAscii from "any-ascii";
// @ts-types="@types/fontkit"
import { create, type Font } from "fontkit";
import { lettersOf } from "../platform/letters.ts";

/**
 * Noto Sans (SIL Open Font License 1.1), from packages: Latin, Greek and Cyrillic; Korean; Chinese and Japanese. The
 * large ones are read when the first text needs them.
 */
const FILES = {
  regular: ["@embedpdf/fonts-latin", "NotoSans-Regular.ttf"],
  bold: ["@embedpdf/fonts-latin", "NotoSans-Bold.ttf"],
  korean: ["@embedpdf/fonts-kr", "NotoSansKR-Regular.otf"],
  chinese: ["@embedpdf/fonts-sc", "NotoSansHans-Regular.otf"],
} as const;

export type Face = keyof typeof FILES;

/** A piece of text that one face has all of. */
export interface Run {
  face: Face;
  text: string;
}

/** Letters that stand for a vowel, which any-ascii leaves out: without the alef hardly an Arabic address is readable. */
const VOWELS: Record<string, string> = { "\u0627": "a", "\u0EAD": "o", "\u0F68": "a" };

const opened = new Map<Face, Font>();

/** The face, read and parsed once in a process. */
export function fontOf(face: Face): Font {
  let font = opened.get(face);
  if (!font) {
    const [packageName, file] = FILES[face];
    // The package names its files, but exports none of them.
    const bytes = Deno.readFileSync(new URL(`../fonts/${file}`, import.meta.resolve(packageName)));
    opened.set(face, font = create(bytes as Parameters<typeof create>[0]) as Font);
  }
  return font;
}

/**
 * A text as the faces can show it, in one line. Characters that none of them has (Arabic, Hebrew, Thai …) are given in
 * Latin letters, as the Universal Postal Union asks of addresses; `changed` tells that there were such.
 */
export function readable(text: string): { text: string; changed: boolean } {
  const line = text.normalize("NFC").replace(/\s+/g, " ").replace(/[\p{Cc}\p{Cf}]/gu, "");
  if (isAscii(line)) return { text: line, changed: false };
  let changed = false;
  const shown = lettersOf(line).map((letter) => {
    if (faceOf(letter, "regular", line)) return letter;
    changed = true;
    // Emoji and other signs have names there, which would be noise in an address.
    return /\p{L}|\p{N}|\p{P}/u.test(letter) && (anyAscii(letter) || VOWELS[letter[0]!]) || "?";
  });
  return { text: shown.join(""), changed };
}

/** Which face shows which part of a {@link readable} text. */
export function runsOf(text: string, base: "regular" | "bold"): Run[] {
  if (isAscii(text)) return [{ face: base, text }];
  const runs: Run[] = [];
  for (const letter of lettersOf(text)) {
    const face = faceOf(letter, base, text)!;
    const last = runs.at(-1);
    if (last?.face === face) last.text += letter;
    else runs.push({ face, text: letter });
  }
  return runs;
}

/** Chinese characters beside Hangul are Korean ones, and look a little different. */
function faceOf(letter: string, base: "regular" | "bold", context: string): Face | undefined {
  const eastern: Face[] = /\p{Script=Hangul}/u.test(context) ? ["korean", "chinese"] : ["chinese", "korean"];
  return [base, ...eastern].find((face) => {
    const font = fontOf(face);
    return [...letter].every((character) => font.hasGlyphForCodePoint(character.codePointAt(0)!));
  });
}

function isAscii(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}
