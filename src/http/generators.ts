// deno-lint-ignore no-explicit-any -- the document is JSON, and its types know of references everywhere
type Json = any;

/**
 * Says in the document what those who generate clients must be told, and what its own generator does not say: integers
 * are of 64 bits, where Java, Go, C# and Rust take 32 unless told, too few for money in minor units; what a field is for
 * stands beside the reference to its schema, as `allOf` with it is another type in some languages; and a value is of one
 * of several types, as none of ours is of two: of `anyOf` Rust makes one type with the fields of all.
 */
export function forGenerators<Document>(document: Document): Document {
  return told(document);
}

function told(node: Json): Json {
  if (Array.isArray(node)) return node.map(told);
  if (typeof node !== "object" || node === null) return node;
  const [reference, said, ...others] = node.allOf ?? [];
  if (reference?.$ref && others.length === 0 && Object.keys(said).join() === "description") {
    return { ...reference, ...said };
  }
  const fields = Object.fromEntries(
    Object.entries(node).map(([key, value]) => [key === "anyOf" ? "oneOf" : key, told(value)]),
  );
  return [node.type].flat().includes("integer") ? { ...fields, format: "int64" } : fields;
}
