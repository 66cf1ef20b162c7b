import type { z } from "@hono/zod-openapi";
import type { UserSchema } from "./schemas.ts";

export const EXAMPLE_USER: z.infer<typeof UserSchema> = {
  id: "0192f0c0-11aa-7e0f-8c55-4d1a9c3e7b20",
  email: "anna@example.com",
  name: "Anna Smith",
  role: "customer",
  guest: false,
  disabled: false,
  version: 1,
  created_at: "2026-01-31T12:00:00.000Z",
  updated_at: "2026-01-31T12:00:00.000Z",
};

/** The same after a change of its name. */
export const EXAMPLE_CHANGED_USER = {
  ...EXAMPLE_USER,
  name: "Anna Jones",
  version: 2,
  updated_at: "2026-01-31T12:05:00.000Z",
};
