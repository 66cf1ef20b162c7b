const QUOTE = '"'.charCodeAt(0);
const BACKSLASH = "\\".charCodeAt(0);
const BEFORE_VALUES = new Uint8Array(256);
for (const character of "[{,") BEFORE_VALUES[character.charCodeAt(0)] = 1;

/**
 * Has a JSON text more values than `most`? Each but the outermost stands behind a bracket, a brace or a comma, and those are
 * counted without making anything of them: parsed and validated, a megabyte of `{}` takes fifty times its size. What is
 * empty counts twice.
 */
export function hasMoreValues(json: Uint8Array, most: number): boolean {
  if (json.length <= most) return false; // each takes a byte at least
  let values = 1;
  let isText = false;
  for (let i = 0; i < json.length; i++) {
    const byte = json[i]!;
    if (byte === QUOTE) isText = !isText;
    else if (isText) {
      if (byte === BACKSLASH) i++;
    } else {
      values += BEFORE_VALUES[byte]!;
      if (values > most) return true;
    }
  }
  return false;
}
