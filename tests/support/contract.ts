import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { normalisePath } from "../../src/http/request.ts";
import { HEADERS } from "../../src/http/headers.ts";
import type { Answer } from "./app.ts";

// deno-lint-ignore no-explicit-any
type Document = any;

const validators = new Map<string, ValidateFunction | null>();

/** Fails the test if an answer is not one that the OpenAPI document declares, in status, headers, media type or shape. */
export function checkResponse(document: Document, method: string, path: string, answer: Answer): void {
  const concrete = normalisePath(new Request(`http://waybill.test${path}`));
  const template = findTemplate(document, method, concrete);
  if (!template) {
    if (![404, 405].includes(answer.status) && document.paths[concrete]) {
      throw new Error(`${method} ${concrete} is not in the OpenAPI document`);
    }
    return;
  }
  const declared = document.paths[template][method.toLowerCase()].responses[String(answer.status)];
  if (!declared) {
    throw new Error(
      `${method} ${template} answered ${answer.status}, which it does not declare: ${
        JSON.stringify(answer.body)
      }`,
    );
  }
  const wrong = wrongHeaders(document, declared.headers, answer.headers);
  if (wrong.length > 0) {
    throw new Error(`${method} ${template} answered ${answer.status}: ${wrong.join("; ")}`);
  }
  const mediaType = answer.headers.get("Content-Type")?.split(";")[0];
  // Of a stream the document describes the events; how they come is tested where streams are.
  if (!mediaType || !declared.content || mediaType === "text/event-stream") return;
  const schema = declared.content[mediaType]?.schema;
  if (!schema) {
    throw new Error(
      `${method} ${template} answered ${answer.status} as ${mediaType}, which it does not declare`,
    );
  }
  const key = `${method} ${template} ${answer.status}`;
  let validate = validators.get(key);
  if (!validate) {
    const ajv = new Ajv2020({ strict: false, allErrors: true });
    (addFormats as unknown as (ajv: Ajv2020) => void)(ajv);
    validate = ajv.compile({ ...schema, components: document.components });
    validators.set(key, validate);
  }
  if (!validate(answer.body)) {
    throw new Error(
      `${key} does not match the document: ${JSON.stringify(validate.errors)} in ${
        JSON.stringify(answer.body)
      }`,
    );
  }
}

/** A declared header that must be there is there, and none is there of those that are declared elsewhere only. */
function wrongHeaders(document: Document, declared: Document, sent: Headers): string[] {
  if (!declared) return [];
  return Object.keys(HEADERS).flatMap((name) => {
    if (sent.has(name)) return declared[name] ? [] : [`${name} is there and not declared`];
    return declared[name] && document.components.headers[name].required ? [`there is no ${name}`] : [];
  });
}

function findTemplate(document: Document, method: string, path: string): string | undefined {
  const candidates = Object.keys(document.paths).filter((template) =>
    document.paths[template][method.toLowerCase()] &&
    new RegExp(`^${template.replaceAll(".", "\\.").replace(/\{[^}]+\}/g, "[^/]+")}$`).test(path)
  );
  return candidates.sort((a, b) => a.split("{").length - b.split("{").length)[0];
}
