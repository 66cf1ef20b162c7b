import { assertEquals, assertThrows } from "@std/assert";
import type { Actor, Role } from "../platform/ctx.ts";
import { AppError } from "../platform/errors.ts";
import { applyChange, mayManage, refuseForbiddenChange, type User } from "./user.ts";

const NOW = new Date("2026-03-01T12:00:00Z");
const OTHERS = "0192f0c0-11aa-7e0f-8c55-4d1a9c3e7b20";

function user(role: Role): User {
  return {
    id: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11",
    email: "anna@example.com",
    name: "Anna",
    role,
    guest: false,
    disabled_at: null,
    version: 1,
    created_at: "2026-01-01T00:00:00.000Z",
    updated_at: "2026-01-01T00:00:00.000Z",
  };
}

const by = (role: Role, userId = OTHERS): Actor => ({ kind: "user", userId, role });

Deno.test("staff look after customers, admins and the system after everyone", () => {
  const may = (actor: Actor) =>
    (["customer", "staff", "admin"] as const).map((role) => mayManage(actor, { role }));
  assertEquals(may({ kind: "anonymous" }), [false, false, false]);
  assertEquals(may(by("customer")), [false, false, false]);
  assertEquals(may(by("staff")), [true, false, false]);
  assertEquals(may(by("admin")), [true, true, true]);
  assertEquals(may({ kind: "system", name: "admin" }), [true, true, true]);
});

Deno.test("a change says what differs, and disabling twice keeps the first time", () => {
  const { after, changes } = applyChange(NOW, user("staff"), { name: null, role: "staff", disabled: true });
  assertEquals(changes, { name: { from: "Anna", to: null }, disabled: { from: false, to: true } });
  const later = new Date("2026-04-01T12:00:00Z");
  const again = applyChange(later, after, { disabled: true });
  assertEquals([again.changes, again.after.disabled_at], [{}, NOW.toISOString()]);
  assertEquals(applyChange(later, after, { disabled: false }).after.disabled_at, null);
  assertEquals(applyChange(NOW, user("staff"), {}).changes, {});
});

Deno.test("one changes one's own name, and no more of oneself", () => {
  const staff = user("staff");
  const self = by("staff", staff.id);
  const change = (input: Parameters<typeof applyChange>[2]) =>
    refuseForbiddenChange(self, staff, applyChange(NOW, staff, input).changes);
  change({ name: "Other" });
  change({ role: "staff" });
  assertThrows(() => change({ disabled: true }), AppError);
  assertThrows(() => change({ name: "Other", disabled: true }), AppError);
  assertThrows(() => change({ role: "admin" }), AppError);
});
