import { z } from "@hono/zod-openapi";
import { Id } from "../http/schemas.ts";

export const OrderParam = z.object({ id: Id });
export const PdfSchema = z.string().openapi({ format: "binary", description: "PDF 1.7, A4" });
