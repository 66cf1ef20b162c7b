/** A part of the document. */
// deno-lint-ignore no-explicit-any -- it is JSON, and its types know of references everywhere
export type Json = any;

/**
 * Says in the document what those who generate clients must be told, and what its own generator does not say: integers
 * are of 64 bits, where Java, Go, C# and Rust take 32 unless told, too few for money in minor units; what a field is for
 * stands beside the reference to its schema, as `allOf` with it is another type in some languages; what holds all of
 * another and more is one object, as in `allOf` Java, Kotlin, PHP and TypeScript take for text what may be null; and a
 * value is of one of several types, as none of ours is of two: of `anyOf` Rust makes one type with the fields of all.
 * Where it may be null besides, the first of them says so: Java has no class for a type that is null alone.
 */
export function forGenerators<Document extends { components?: Json }>(document: Document): Document {
  return told(document, document.components.schemas);
}

function told(node: Json, schemas: Json): Json {
  if (Array.isArray(node)) return node.map((each) => told(each, schemas));
  if (typeof node !== "object" || node === null) return node;
  const { allOf, ...rest } = node;
  if (allOf) {
    const [reference, said, ...others] = allOf;
    if (reference?.$ref && others.length === 0 && Object.keys(said).join() === "description") {
      return { ...reference, ...said };
    }
    return told({ ...rest, ...together(allOf, schemas) }, schemas);
  }
  const fields = Object.fromEntries(
    Object.entries(node).map(([key, value]) => [key === "anyOf" ? "oneOf" : key, told(value, schemas)]),
  );
  if (fields.oneOf?.length > 2) fields.oneOf = withoutNull(fields.oneOf);
  return [node.type].flat().includes("integer") ? { ...fields, format: "int64" } : fields;
}

/** One object that holds what each of these does. */
function together(parts: Json[], schemas: Json): Json {
  const objects = parts.map((part) => resolved(schemas, part));
  return {
    type: "object",
    properties: Object.assign({}, ...objects.map(({ properties }) => properties)),
    required: [...new Set(objects.flatMap(({ required }) => required ?? []))],
  };
}

/** The schema that is meant: this one itself, or where it is a reference, that of these. */
export function resolved(schemas: Json, schema: Json): Json {
  return schema.$ref ? schemas[schema.$ref.split("/").pop()] : schema;
}

function withoutNull(types: Json[]): Json[] {
  const [first, ...others] = types.filter(({ type }) => type !== "null");
  return others.length === types.length - 1 ? types : [{ ...first, type: [first.type, "null"] }, ...others];
}
