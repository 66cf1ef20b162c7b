/** The calendar day in UTC that a time belongs to, such as 2026-11-21. */
export function dayOf(time: Date): string {
  return time.toISOString().slice(0, 10);
}

/** Is this a day that the calendar has, written as ISO 8601 has it? The year 0 is none that PostgreSQL could keep. */
export function isDay(text: string): boolean {
  if (!/^(?!0000)\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const time = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(time.getTime()) && dayOf(time) === text;
}
