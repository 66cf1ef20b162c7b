import { z } from "@hono/zod-openapi";
import { Id, text, Timestamp } from "../http/schemas.ts";

/** Told in events, so no number must stand in it. */
const IdType = text(1, 40).regex(/^\D*$/, "must be the name of the number, such as PCCC, without digits")
  .refine((type) => !/\p{N}/u.test(type), "must be without digits, whatever their script")
  .openapi({
    description:
      "Which number it is, as the destination calls it: PCCC (Korea), CPF (Brazil), resident id (China)",
    example: "PCCC",
  });

export const ConsigneeBody = z.strictObject({
  name: text(1, 200).openapi({ description: "As customs have it registered", example: "Hong Gildong" }),
  id_type: IdType,
  id_number: text(4, 40).openapi({ example: "P123456789012" }),
}).openapi("RecordConsignee");

/** What may be shown of a consignee. */
export const ConsigneeSchema = z.object({
  order_id: Id,
  id_type: z.string().openapi({ example: "PCCC" }),
  masked_name: z.string().openapi({
    description: "All but the initials is covered",
    example: "H*** G******",
  }),
  masked_id: z.string().openapi({
    description: "All but the last four characters is covered, of fewer than eight all but the last",
    example: "*********9012",
  }),
  created_at: Timestamp,
  updated_at: Timestamp,
}).openapi("Consignee");
