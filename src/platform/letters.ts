const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/** What a reader takes for the letters of a text, each of which may be several characters. */
export function lettersOf(text: string): string[] {
  return [...graphemes.segment(text)].map(({ segment }) => segment);
}
